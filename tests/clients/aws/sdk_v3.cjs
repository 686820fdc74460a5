// What a program with the AWS SDK for JavaScript v3 does. ENDPOINT is all that is changed for
// nikawa, or the agent where it is a proxy.
'use strict';
const assert = require('node:assert');
const crypto = require('node:crypto');
const {Readable} = require('node:stream');
const s3 = require('@aws-sdk/client-s3');
const {Upload} = require('@aws-sdk/lib-storage');
const {getSignedUrl} = require('@aws-sdk/s3-request-presigner');
const {DynamoDBClient, PutItemCommand, GetItemCommand} = require('@aws-sdk/client-dynamodb');
const {SQSClient, SendMessageCommand} = require('@aws-sdk/client-sqs');
const {STSClient, GetCallerIdentityCommand} = require('@aws-sdk/client-sts');
const {HttpProxyAgent} = require('http-proxy-agent');

const {ENDPOINT, BUCKET: Bucket, HTTP_PROXY} = process.env;
const KEYS = JSON.parse(process.env.KEYS);

function settings(service) {
    const endpoint = ENDPOINT.replace('{service}', service);
    if (!HTTP_PROXY) return {endpoint, maxAttempts: 1};
    const httpAgent = new HttpProxyAgent(HTTP_PROXY, {keepAlive: true});
    // http-proxy-agent sends the head of a request with Expect twice.
    return {endpoint, maxAttempts: 1, requestHandler: {httpAgent}, expectContinueHeader: false};
}

function s3Client(more = {}) {
    return new s3.S3Client({...settings('s3'), ...more});
}

async function bytesOf(answer) {
    return Buffer.from(await answer.Body.transformToByteArray());
}

async function objects() {
    const client = s3Client();
    for (const Key of KEYS) {
        const Body = Buffer.from(Key.repeat(1000));
        const Metadata = {note: 'two  words'};
        await client.send(new s3.PutObjectCommand(
            {Bucket, Key, Body, ContentType: 'text/plain', Metadata}));
        const got = await client.send(new s3.GetObjectCommand({Bucket, Key}));
        assert.deepStrictEqual(await bytesOf(got), Body);
        assert.strictEqual(got.ContentType, 'text/plain');
        await client.send(new s3.HeadObjectCommand({Bucket, Key}));
    }
    const listed = await client.send(new s3.ListObjectsV2Command({Bucket}));
    assert.deepStrictEqual(listed.Contents.map(({Key}) => Key).sort(), [...KEYS].sort());
    const part = await client.send(
        new s3.GetObjectCommand({Bucket, Key: KEYS[0], Range: 'bytes=2-5'}));
    assert.strictEqual((await bytesOf(part)).toString(), KEYS[0].repeat(2).slice(2, 6));
    await client.send(new s3.CopyObjectCommand(
        {Bucket, Key: 'copy', CopySource: `${Bucket}/${encodeURIComponent('a b c')}`}));
    await client.send(new s3.DeleteObjectsCommand(
        {Bucket, Delete: {Objects: KEYS.map((Key) => ({Key}))}}));
    await client.send(new s3.DeleteObjectCommand({Bucket, Key: 'copy'}));
    await assert.rejects(client.send(new s3.GetObjectCommand({Bucket, Key: 'copy'})),
                         {name: 'NoSuchKey'});
}

async function streams() {
    const client = s3Client();
    const data = Buffer.alloc(1536000, 'stream');
    const pieces = (size) => Readable.from((function* () {
        for (let at = 0; at < data.length; at += size) yield data.subarray(at, at + size);
    })());
    await client.send(new s3.PutObjectCommand(
        {Bucket, Key: 'stream', Body: pieces(100000), ContentLength: data.length}));
    const got = await client.send(new s3.GetObjectCommand({Bucket, Key: 'stream'}));
    assert.deepStrictEqual(await bytesOf(got), data);
    await client.send(new s3.PutObjectCommand(
        {Bucket, Key: 'sum', Body: data, ChecksumAlgorithm: 'SHA256'}));
}

async function large() {
    const client = s3Client();
    const data = crypto.randomBytes(20 << 20);
    const upload = new Upload({client, partSize: 5 << 20,
                               params: {Bucket, Key: 'large', Body: Readable.from([data])}});
    await upload.done();
    const got = await client.send(new s3.GetObjectCommand({Bucket, Key: 'large'}));
    assert.deepStrictEqual(await bytesOf(got), data);
}

async function presign() {
    const client = s3Client({requestChecksumCalculation: 'WHEN_REQUIRED'});
    const Key = 'a b+c~';
    const urls = {
        get: await getSignedUrl(client, new s3.GetObjectCommand({Bucket, Key}), {expiresIn: 60}),
        put: await getSignedUrl(client, new s3.PutObjectCommand({Bucket, Key}), {expiresIn: 60}),
    };
    console.log(JSON.stringify(urls));
}

async function services() {
    const table = new DynamoDBClient(settings('dynamodb'));
    const Key = {id: {S: 'ünïque'}};
    await table.send(new PutItemCommand({TableName: 'table', Item: {...Key, count: {N: '1'}}}));
    const got = await table.send(new GetItemCommand({TableName: 'table', Key}));
    assert.deepStrictEqual(got.Item, Key);
    // The queue is named as the service names it: the endpoint decides where the request goes.
    const QueueUrl = 'https://sqs.us-east-1.amazonaws.com/123456789012/queue';
    const sent = await new SQSClient(settings('sqs')).send(
        new SendMessageCommand({QueueUrl, MessageBody: 'héllo +&='}));
    assert.strictEqual(sent.MessageId, '1');
    const who = await new STSClient(settings('sts')).send(new GetCallerIdentityCommand({}));
    assert.strictEqual(who.Account, '123456789012');
}

// One request; what is wrong is for the user to see.
async function put(service = 's3') {
    if (service === 's3') {
        return s3Client().send(new s3.PutObjectCommand({Bucket, Key: 'key', Body: 'body'}));
    }
    if (service === 'sqs') {
        const QueueUrl = ENDPOINT.replace('{service}', 'sqs') + '/123456789012/queue';
        return new SQSClient(settings('sqs')).send(
            new SendMessageCommand({QueueUrl, MessageBody: 'hello'}));
    }
    return new DynamoDBClient(settings('dynamodb')).send(
        new PutItemCommand({TableName: 'table', Item: {id: {S: '1'}}}));
}

const [operation, ...rest] = process.argv.slice(2);
({objects, streams, large, presign, services, put})[operation](...rest).catch((error) => {
    console.error(`${error.name}: ${error.message}\n${error.stack}`);
    process.exitCode = 1;
});
