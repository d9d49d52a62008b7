-- One message per request with a time that no other request has.
-- wrk arguments: FILE of the parts of a message (machine prefix and bodies, one a line), first number.
local prefixes, bodies = {}, {}
local counter, stride, start = 0, 1, 0
local threads = {}

function setup(thread)
	thread:set("number", #threads)
	table.insert(threads, thread)
end

function init(arguments)
	for line in io.lines(arguments[1]) do
		table.insert(#prefixes < 3 and prefixes or bodies, line)
	end
	start = tonumber(arguments[2])
	stride = tonumber(arguments[3])
	counter = number
	wrk.method = "POST"
	wrk.headers["Content-Type"] = "application/json"
end

function request()
	local index = start + counter
	local milliseconds = math.floor(index / 3)
	local seconds = math.floor(milliseconds / 1000)
	local time = string.format("%02d:%02d:%02d.%03d", math.floor(seconds / 3600) % 24, math.floor(seconds / 60) % 60,
		seconds % 60, milliseconds % 1000)
	counter = counter + stride
	return wrk.format(nil, nil, nil, prefixes[index % 3 + 1] .. time .. bodies[index % #bodies + 1])
end

function done(summary, latency, requests)
	io.write(string.format('{"requests": %d, "seconds": %f, "errors": %d, "p50_ms": %f, "p99_ms": %f}\n',
		summary.requests, summary.duration / 1e6, summary.errors.connect + summary.errors.read + summary.errors.write
		+ summary.errors.status + summary.errors.timeout, latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
