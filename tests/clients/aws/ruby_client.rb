# What a program with the AWS SDK for Ruby does. ENDPOINT is all that is changed for nikawa, or the
# proxy's setting.
require 'aws-sdk-s3'
require 'json'
require 'stringio'

BUCKET = ENV.fetch('BUCKET')
KEYS = JSON.parse(ENV.fetch('KEYS'))

def service(name, **settings)
  settings[:http_proxy] = ENV['HTTP_PROXY'] if ENV['HTTP_PROXY']
  settings[:endpoint] = ENV.fetch('ENDPOINT').sub('{service}', name)
  settings[:retry_limit] = 0
  settings
end

def s3(**settings) = Aws::S3::Client.new(**service('s3', **settings))

def same(got, wanted, what)
  raise "#{what}: #{got.inspect}, not #{wanted.inspect}" unless got == wanted
end

def objects(addressing)
  client = s3(force_path_style: addressing == 'path')
  KEYS.each do |key|
    body = key.b * 1000
    client.put_object(bucket: BUCKET, key:, body:, content_type: 'text/plain',
                      metadata: { 'note' => 'two  words' })
    same(client.get_object(bucket: BUCKET, key:).body.read.b, body, key)
    client.head_object(bucket: BUCKET, key:)
  end
  same(client.list_objects_v2(bucket: BUCKET).contents.map(&:key).sort, KEYS.sort, 'list')
  part = client.get_object(bucket: BUCKET, key: KEYS[0], range: 'bytes=2-5')
  same(part.body.read, (KEYS[0] * 2)[2..5], 'range')
  client.copy_object(bucket: BUCKET, key: 'copy', copy_source: "#{BUCKET}/a%20b%20c")
  client.delete_objects(bucket: BUCKET, delete: { objects: KEYS.map { |key| { key: } } })
  client.delete_object(bucket: BUCKET, key: 'copy')
  begin
    client.get_object(bucket: BUCKET, key: 'copy')
    raise 'there is an object that was deleted'
  rescue Aws::S3::Errors::NoSuchKey
  end
end

def large
  data = Random.bytes(20 << 20)
  object = Aws::S3::Object.new(BUCKET, 'large', client: s3)
  object.upload_stream(part_size: 5 << 20) { |stream| stream.binmode.write(data) }
  same(object.get.body.read.b == data, true, 'large')
end

def presign
  signer = Aws::S3::Presigner.new(client: s3)
  urls = %i[get put].to_h do |method|
    [method, signer.presigned_url(:"#{method}_object", bucket: BUCKET, key: 'a b+c~',
                                                       expires_in: 60)]
  end
  puts JSON.generate(urls)
end

def services
  same(Aws::STS::Client.new(**service('sts')).get_caller_identity.account, '123456789012', 'sts')
end

# One request; what is wrong is for the user to see.
def put(_service = 's3')
  s3.put_object(bucket: BUCKET, key: 'key', body: 'body')
end

send(*ARGV)
