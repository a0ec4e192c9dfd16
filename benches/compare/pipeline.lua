-- Sixteen requests in one write; wrk counts every answer.
init = function(args)
    local requests = {}
    for n = 1, 16 do
        requests[n] = wrk.format("GET", "/1k.txt")
    end
    batch = table.concat(requests)
end

request = function()
    return batch
end
