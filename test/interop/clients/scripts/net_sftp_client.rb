# Carries out a job (test/interop/clients/scripted.ts) with ruby's net-sftp.
require "base64"
require "json"
require "net/sftp"

job = JSON.parse(File.read(ARGV[0], encoding: "utf-8"))

# Accepts the expected host key and no other.
class ExpectedKey
  def initialize(line)
    @blob = Base64.decode64(line.split[1])
  end

  def verify(arguments)
    arguments[:key_blob] == @blob
  end

  def verify_signature(&block)
    yield
  end
end

options = {
  port: job["port"],
  config: false,
  use_agent: false,
  non_interactive: true,
  timeout: 20,
  verify_host_key: ExpectedKey.new(job["hostKey"]),
  verbose: :info,
}
options[:kex] = [job["kex"]] if job["kex"]
if job["keyFile"]
  options.update(keys: [job["keyFile"]], keys_only: true, auth_methods: ["publickey"])
else
  options.update(password: job["password"], auth_methods: ["password"])
end

Net::SFTP.start(job["host"], job["user"], options) do |sftp|
  job["steps"].each do |step|
    remote = step["remote"]
    case step["do"]
    when "put" then sftp.upload!(step["local"], remote)
    when "get" then sftp.download!(remote, step["local"])
    when "resume-put"
      at = sftp.stat!(remote).size
      handle = sftp.open!(remote, "r+")
      rest = IO.binread(step["local"], nil, at)
      rest.bytes.each_slice(32_000).with_index do |block, index|
        sftp.write!(handle, at + index * 32_000, block.pack("C*"))
      end
      sftp.close!(handle)
    when "resume-get"
      handle = sftp.open!(remote, "r")
      File.open(step["local"], "ab") do |file|
        at = file.size
        while (block = sftp.read!(handle, at, 32_000))
          file.write(block)
          at += block.bytesize
        end
      end
      sftp.close!(handle)
    when "list" then sftp.dir.foreach(remote) { |entry| puts entry.longname }
    when "mkdir" then sftp.mkdir!(remote)
    when "rmdir" then sftp.rmdir!(remote)
    when "remove" then sftp.remove!(remote)
    when "rename" then sftp.rename!(remote, step["to"])
    else raise "unknown step #{step["do"]}"
    end
  end
end
