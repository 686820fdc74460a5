// Asks through Node's http.request and an Agent that keeps connections:
// node_http.mjs BASE PROXY FILE
import { createHash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import http from 'node:http';

const [base, proxy, file] = process.argv.slice(2);
const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });

// What changes for a proxy: whom to connect to, and the whole URL in place of the path.
function request(url, options) {
    if (proxy === '') return http.request(url, { agent, ...options });
    const { hostname, port } = new URL(proxy);
    return http.request({
        agent, ...options, hostname, port, path: url,
        headers: { ...options.headers, host: new URL(url).host },
    });
}

function respond(url, { body, ...options } = {}) {
    return new Promise((resolve, reject) => {
        const sent = request(url, options).on('response', resolve).on('error', reject);
        if (body?.pipe) body.pipe(sent);
        else sent.end(body);
    });
}

async function ask(act, target, options) {
    let response = await respond(base + target, options);
    if (response.statusCode === 302) {
        response.resume();
        response = await respond(new URL(response.headers.location, base + target).href);
    }
    const pieces = [];
    for await (const piece of response) pieces.push(piece);
    const body = Buffer.concat(pieces);
    console.log(JSON.stringify({
        act, status: response.statusCode, bytes: body.length,
        sha256: createHash('sha256').update(body).digest('hex'),
        body: body.length < 10000 ? body.toString() : null,
        length: Number(response.headers['content-length'] ?? -1),
    }));
}

for (let turn = 0; turn < 5; turn++) await ask('get', '/get?a=%2F&b=');
await ask('head', '/large', { method: 'HEAD' });
await ask('post', '/post', {
    method: 'POST', body: 'name=value&other=%20',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
});
const content = readFileSync(file);
await ask('upload', '/upload', {
    method: 'PUT', body: content, headers: { 'content-length': content.length },
});
await ask('streamed', '/streamed', { method: 'PUT', body: createReadStream(file) });
await ask('download', '/large');
await ask('range', '/large', { headers: { range: 'bytes=100-199' } });
await ask('moved', '/moved');
for (const act of ['parallel-1', 'parallel-2']) {
    await Promise.all([...Array(8).keys()].map((n) => ask(act, `/${act}?n=${n}`)));
}
agent.destroy();
