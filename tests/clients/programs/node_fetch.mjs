// Asks through Node's fetch: node_fetch.mjs BASE PROXY FILE. Of proxies it knows by undici.
import { createHash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Readable } from 'node:stream';

const [base, proxy, file] = process.argv.slice(2);

if (proxy !== '') {
    const { ProxyAgent, setGlobalDispatcher } = createRequire(import.meta.url)('undici');
    setGlobalDispatcher(new ProxyAgent({ uri: proxy, proxyTunnel: false }));
}

async function ask(act, target, options = {}) {
    const response = await fetch(base + target, options);
    const body = Buffer.from(await response.arrayBuffer());
    console.log(JSON.stringify({
        act, status: response.status, bytes: body.length,
        sha256: createHash('sha256').update(body).digest('hex'),
        body: body.length < 10000 ? body.toString() : null,
        length: Number(response.headers.get('content-length') ?? -1),
    }));
}

for (let turn = 0; turn < 5; turn++) await ask('get', '/get?a=%2F&b=');
await ask('head', '/large', { method: 'HEAD', headers: { 'accept-encoding': 'identity' } });
await ask('post', '/post', {
    method: 'POST', body: 'name=value&other=%20',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
});
await ask('upload', '/upload', { method: 'PUT', body: readFileSync(file) });
await ask('streamed', '/streamed', {
    method: 'PUT', body: Readable.toWeb(createReadStream(file)), duplex: 'half',
});
await ask('download', '/large');
await ask('range', '/large', {
    headers: { range: 'bytes=100-199', 'accept-encoding': 'identity' },
});
await ask('moved', '/moved');
for (const act of ['parallel-1', 'parallel-2']) {
    await Promise.all([...Array(8).keys()].map((n) => ask(act, `/${act}?n=${n}`)));
}
