-- For wrk: uploads of UPLOAD bytes when that is set, and the result as one line of JSON.
local upload = tonumber(os.getenv("UPLOAD"))
if upload then
    wrk.method = "POST"
    wrk.body = string.rep("x", upload)
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '\n{"requests":%d,"bytes":%d,"seconds":%.6f,"p50_us":%d,"p99_us":%d,"errors":%d}\n',
        summary.requests, summary.bytes, summary.duration / 1e6,
        latency:percentile(50), latency:percentile(99),
        errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
