<?php
// Asks through Guzzle: php_guzzle.php BASE PROXY FILE
require 'GuzzleHttp/autoload.php';

use GuzzleHttp\Client;
use GuzzleHttp\Pool;
use GuzzleHttp\Psr7\FnStream;
use GuzzleHttp\Psr7\Request;
use GuzzleHttp\Psr7\Utils;
use Psr\Http\Message\ResponseInterface;

[, $base, $proxy, $file] = $argv;
$client = new Client([
    'base_uri' => $base,
    'verify' => getenv('SSL_CERT_FILE'),  // counts where TLS passes through
    'decode_content' => false,
] + ($proxy === '' ? [] : ['proxy' => $proxy]));

function tell(string $act, ResponseInterface $response): void
{
    $body = (string)$response->getBody();
    echo json_encode([
        'act' => $act,
        'status' => $response->getStatusCode(),
        'bytes' => strlen($body),
        'sha256' => hash('sha256', $body),
        'body' => strlen($body) < 10000 ? $body : null,
        'length' => (int)($response->getHeaderLine('Content-Length') ?: -1),
    ]), "\n";
}

for ($turn = 0; $turn < 5; $turn++) {
    tell('get', $client->get('/get?a=%2F&b='));
}
tell('head', $client->head('/large'));
tell('post', $client->post('/post', ['body' => 'name=value&other=%20']));
tell('upload', $client->put('/upload', ['body' => Utils::tryFopen($file, 'r')]));
// Of a stream without a size the length is not known.
$unknown = FnStream::decorate(Utils::streamFor(Utils::tryFopen($file, 'r')),
    ['getSize' => fn() => null]);
tell('streamed', $client->put('/streamed', ['body' => $unknown]));
tell('download', $client->get('/large'));
tell('range', $client->get('/large', ['headers' => ['Range' => 'bytes=100-199']]));
tell('moved', $client->get('/moved'));
foreach (['parallel-1', 'parallel-2'] as $act) {
    $requests = array_map(fn($n) => new Request('GET', "/$act?n=$n"), range(0, 7));
    foreach (Pool::batch($client, $requests, ['concurrency' => 8]) as $response) {
        if ($response instanceof Throwable) {
            throw $response;
        }
        tell($act, $response);
    }
}
