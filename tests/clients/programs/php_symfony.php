<?php
// Asks through Symfony's HttpClient: php_symfony.php BASE PROXY FILE
require 'Symfony/Component/HttpClient/autoload.php';

use Symfony\Component\HttpClient\HttpClient;
use Symfony\Contracts\HttpClient\ResponseInterface;

[, $base, $proxy, $file] = $argv;
$client = HttpClient::create([
    'cafile' => getenv('SSL_CERT_FILE'),  // counts where TLS passes through
    'proxy' => $proxy === '' ? null : $proxy,
], 8);

function tell(string $act, ResponseInterface $response): void
{
    $body = $response->getContent();
    echo json_encode([
        'act' => $act,
        'status' => $response->getStatusCode(),
        'bytes' => strlen($body),
        'sha256' => hash('sha256', $body),
        'body' => strlen($body) < 10000 ? $body : null,
        'length' => (int)($response->getHeaders()['content-length'][0] ?? -1),
    ]), "\n";
}

function ask(string $act, string $method, string $target, array $options = []): void
{
    global $client, $base;
    tell($act, $client->request($method, $base . $target, $options));
}

for ($turn = 0; $turn < 5; $turn++) {
    ask('get', 'GET', '/get?a=%2F&b=');
}
$plain = ['headers' => ['Accept-Encoding' => 'identity']];
ask('head', 'HEAD', '/large', $plain);
ask('post', 'POST', '/post', ['body' => 'name=value&other=%20']);
ask('upload', 'PUT', '/upload', ['body' => file_get_contents($file)]);
ask('streamed', 'PUT', '/streamed', ['body' => fopen($file, 'r')]);
ask('download', 'GET', '/large');
ask('range', 'GET', '/large', ['headers' => ['Range' => 'bytes=100-199'] + $plain['headers']]);
ask('moved', 'GET', '/moved');
foreach (['parallel-1', 'parallel-2'] as $act) {
    // A response is there at once, and under way until it is read.
    $responses = array_map(fn($n) => $client->request('GET', "$base/$act?n=$n"), range(0, 7));
    foreach ($responses as $response) {
        tell($act, $response);
    }
}
