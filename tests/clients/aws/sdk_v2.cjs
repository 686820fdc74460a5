// What a program with the AWS SDK for JavaScript v2 does. ENDPOINT is all that is changed for
// nikawa, or the proxy's setting.
'use strict';
process.env.AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE = '1';
const assert = require('node:assert');
const crypto = require('node:crypto');
const {Readable} = require('node:stream');
const AWS = require('aws-sdk');

const {ENDPOINT, BUCKET: Bucket, HTTP_PROXY} = process.env;
const KEYS = JSON.parse(process.env.KEYS);

AWS.config.update({maxRetries: 0});
if (HTTP_PROXY) AWS.config.update({httpOptions: {proxy: HTTP_PROXY}});

const endpoint = (service) => ENDPOINT.replace('{service}', service);
const s3Client = (more = {}) => new AWS.S3({endpoint: endpoint('s3'), ...more});

async function objects() {
    const s3 = s3Client();
    for (const Key of KEYS) {
        const Body = Buffer.from(Key.repeat(1000));
        const Metadata = {note: 'two  words'};
        await s3.putObject({Bucket, Key, Body, ContentType: 'text/plain', Metadata}).promise();
        const got = await s3.getObject({Bucket, Key}).promise();
        assert.deepStrictEqual(got.Body, Body);
        assert.strictEqual(got.ContentType, 'text/plain');
        await s3.headObject({Bucket, Key}).promise();
    }
    const listed = await s3.listObjectsV2({Bucket}).promise();
    assert.deepStrictEqual(listed.Contents.map(({Key}) => Key).sort(), [...KEYS].sort());
    const part = await s3.getObject({Bucket, Key: KEYS[0], Range: 'bytes=2-5'}).promise();
    assert.strictEqual(part.Body.toString(), KEYS[0].repeat(2).slice(2, 6));
    const CopySource = `${Bucket}/${encodeURIComponent('a b c')}`;
    await s3.copyObject({Bucket, Key: 'copy', CopySource}).promise();
    await s3.deleteObjects({Bucket, Delete: {Objects: KEYS.map((Key) => ({Key}))}}).promise();
    await s3.deleteObject({Bucket, Key: 'copy'}).promise();
    await assert.rejects(s3.getObject({Bucket, Key: 'copy'}).promise(), {code: 'NoSuchKey'});
}

async function streams() {
    const s3 = s3Client();
    const data = Buffer.alloc(1536000, 'stream');
    await s3.upload({Bucket, Key: 'stream', Body: Readable.from([data])}).promise();
    const got = await s3.getObject({Bucket, Key: 'stream'}).promise();
    assert.deepStrictEqual(got.Body, data);
}

async function large() {
    const s3 = s3Client();
    const data = crypto.randomBytes(20 << 20);
    await s3.upload({Bucket, Key: 'large', Body: data}, {partSize: 5 << 20}).promise();
    const got = await s3.getObject({Bucket, Key: 'large'}).promise();
    assert.deepStrictEqual(got.Body, data);
}

async function presign() {
    for (const signatureVersion of ['v4', 'v2']) {
        const s3 = s3Client({signatureVersion});
        const parameters = {Bucket, Key: 'a b+c~', Expires: 60};
        console.log(JSON.stringify({
            get: await s3.getSignedUrlPromise('getObject', parameters),
            put: await s3.getSignedUrlPromise('putObject', parameters)}));
    }
}

async function services() {
    const table = new AWS.DynamoDB({endpoint: endpoint('dynamodb')});
    const Key = {id: {S: 'ünïque'}};
    await table.putItem({TableName: 'table', Item: {...Key, count: {N: '1'}}}).promise();
    const got = await table.getItem({TableName: 'table', Key}).promise();
    assert.deepStrictEqual(got.Item, Key);
    assert.strictEqual((await send(endpoint('sqs'))).MessageId, '1');
    const who = await new AWS.STS({endpoint: endpoint('sts')}).getCallerIdentity().promise();
    assert.strictEqual(who.Account, '123456789012');
}

// The URL of the queue decides where the request goes, not the endpoint.
async function send(where) {
    return new AWS.SQS({endpoint: endpoint('sqs')}).sendMessage(
        {QueueUrl: where + '/123456789012/queue', MessageBody: 'héllo +&='}).promise();
}

// One request; what is wrong is for the user to see.
async function put(service = 's3') {
    if (service === 's3') {
        return s3Client().putObject({Bucket, Key: 'key', Body: 'body'}).promise();
    }
    if (service === 'sqs') return send(endpoint('sqs'));
    return new AWS.DynamoDB({endpoint: endpoint('dynamodb')}).putItem(
        {TableName: 'table', Item: {id: {S: '1'}}}).promise();
}

const [operation, ...rest] = process.argv.slice(2);
({objects, streams, large, presign, services, send, put})[operation](...rest).catch((error) => {
    console.error(`${error.code}: ${error.message}\n${error.stack}`);
    process.exitCode = 1;
});
