//! Who listens on a TCP port: the kernel's socket tables and the descriptors of processes.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// State LISTEN in `/proc/net/tcp`.
const LISTEN: &str = "0A";

/// A listening socket of some process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listening {
    /// The address it is bound to.
    pub address: SocketAddr,
    /// User id that made the socket.
    pub uid: u32,
    /// Inode number of the socket.
    pub inode: u64,
}

/// A process that holds a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Process id.
    pub pid: u32,
    /// Name of the program (`/proc/PID/comm`).
    pub name: String,
    /// Whether it runs the same program file as the calling process, or the file that stood at
    /// the same path before an upgrade.
    pub same_program: bool,
}

/// The listening sockets that keep others from binding `address`: those on the same port with the
/// same address, or where either side is a wildcard. A wildcard of IPv6 counts for IPv4 as well:
/// the tables do not say whether it is IPv6-only.
#[must_use]
pub fn listening_on(address: SocketAddr) -> Vec<Listening> {
    let mut found = Vec::new();
    for table in ["/proc/self/net/tcp", "/proc/self/net/tcp6"] {
        let Ok(file) = fs::File::open(table) else { continue };
        for line in BufReader::new(file).lines().skip(1).map_while(Result::ok) {
            if let Some(entry) = parse_line(&line)
                && overlaps(entry.address, address)
            {
                found.push(entry);
            }
        }
    }
    found
}

/// Whether two listeners on these addresses cannot be there at once (unless an IPv6 wildcard is
/// IPv6-only).
#[must_use]
pub fn overlaps(one: SocketAddr, other: SocketAddr) -> bool {
    let (a, b) = (one.ip().to_canonical(), other.ip().to_canonical());
    let any_v6 = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    one.port() == other.port()
        && (a == b
            || a == any_v6
            || b == any_v6
            || (a.is_ipv4() == b.is_ipv4() && (a.is_unspecified() || b.is_unspecified())))
}

/// Reads `  sl  local_address rem_address   st … uid timeout inode …`.
fn parse_line(line: &str) -> Option<Listening> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let local = fields.next()?;
    let _remote = fields.next()?;
    if fields.next()? != LISTEN {
        return None;
    }
    // tx_queue:rx_queue, tr:tm->when, retrnsmt
    let uid = fields.nth(3)?.parse().ok()?;
    let inode = fields.nth(1)?.parse().ok()?;
    Some(Listening { address: parse_address(local)?, uid, inode })
}

/// Reads `0100007F:1F90`: 32-bit words as this machine has them in memory, the port as a number.
fn parse_address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| -> Option<[u8; 4]> {
        let digits = address.get(at * 8..at * 8 + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    let ip = match address.len() {
        8 => IpAddr::from(word(0)?),
        32 => {
            let mut bytes = [0; 16];
            for (at, chunk) in bytes.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(at)?);
            }
            IpAddr::from(bytes)
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// The processes that hold a descriptor of this socket. Without privilege only the caller's own
/// processes can be looked into, so an empty list then means "not known".
#[must_use]
pub fn owners(inode: u64) -> Vec<Owner> {
    let wanted = format!("socket:[{inode}]");
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    processes
        .filter_map(Result::ok)
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| holds(*pid, wanted.as_bytes()))
        .map(|pid| Owner { pid, name: program_name(pid), same_program: runs_our_program(pid) })
        .collect()
}

fn holds(pid: u32, wanted: &[u8]) -> bool {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    descriptors
        .filter_map(Result::ok)
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .any(|target| target.as_os_str().as_bytes() == wanted)
}

fn program_name(pid: u32) -> String {
    let name = fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
    String::from_utf8_lossy(&name).trim_end().to_owned()
}

/// Whether `pid` runs the file that this process runs, or one that was at the same path.
#[must_use]
pub fn runs_our_program(pid: u32) -> bool {
    let theirs = PathBuf::from(format!("/proc/{pid}/exe"));
    let identity = |path: &Path| fs::metadata(path).map(|found| (found.dev(), found.ino()));
    let own = Path::new("/proc/self/exe");
    if let (Ok(a), Ok(b)) = (identity(&theirs), identity(own))
        && a == b
    {
        return true;
    }
    match (fs::read_link(theirs), fs::read_link(own)) {
        (Ok(a), Ok(b)) => without_deleted(a.as_os_str()) == without_deleted(b.as_os_str()),
        _ => false,
    }
}

/// The kernel marks a program file that was replaced or removed since.
fn without_deleted(path: &OsStr) -> &[u8] {
    let path = path.as_bytes();
    path.strip_suffix(b" (deleted)").unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_listener_of_this_process_is_found() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let address = listener.local_addr().unwrap();
            let found = listening_on(address);
            let entry = found.iter().find(|entry| entry.address == address).unwrap();
            assert_eq!(entry.uid, crate::sys::user::effective_uid());
            let inode = entry.inode;
            let owners = owners(inode);
            let own = owners.iter().find(|owner| owner.pid == std::process::id()).unwrap();
            assert!(own.same_program);
            assert!(!own.name.is_empty());
            drop(listener);
            // A process that another test is starting may hold a copy for a moment.
            while listening_on(address).iter().any(|entry| entry.inode == inode) {
                std::thread::yield_now();
            }
        }
    }

    #[test]
    fn another_program_is_another_program() {
        let mut child = std::process::Command::new("/bin/cat")
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // spawn returns when the child has executed its program.
        assert!(!runs_our_program(child.id()));
        assert!(runs_our_program(std::process::id()));
        drop(child.stdin.take());
        child.wait().unwrap();
    }

    #[test]
    fn only_listening_lines_are_read() {
        let word = |ip: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(ip));
        let line = |state: &str| {
            format!(
                "   0: {}:1F90 00000000:0000 {state} 00000000:00000000 00:00000000 00000000  1000 \
                 0 4242 1 0000000000000000 100 0 0 10 0",
                word([127, 0, 0, 1])
            )
        };
        let entry = parse_line(&line("0A")).unwrap();
        assert_eq!(entry.address, "127.0.0.1:8080".parse().unwrap());
        assert_eq!((entry.uid, entry.inode), (1000, 4242));
        assert_eq!(parse_line(&line("01")), None);
        let whole = line("0A");
        for end in 0..whole.find("4242").unwrap() {
            assert_eq!(parse_line(&whole[..end]), None, "{end}");
        }
    }

    #[test]
    fn addresses_are_read_whole_or_not_at_all() {
        let v6: Ipv6Addr = "2001:db8::1".parse().unwrap();
        let text: String = v6
            .octets()
            .chunks_exact(4)
            .map(|word| format!("{:08X}", u32::from_ne_bytes(word.try_into().unwrap())))
            .collect();
        let address = parse_address(&format!("{text}:0050")).unwrap();
        assert_eq!(address, "[2001:db8::1]:80".parse().unwrap());
        for bad in ["", ":", "0100007F", "0100007F:", "0100007F:10000", "0100007:0050", "x:0050"] {
            assert_eq!(parse_address(bad), None, "{bad:?}");
        }
        assert_eq!(parse_address("€100007F:0050"), None);
    }

    #[test]
    fn overlap_knows_wildcards() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        for (a, b, expected) in [
            ("127.0.0.1:80", "127.0.0.1:80", true),
            ("127.0.0.1:80", "127.0.0.1:81", false),
            ("127.0.0.1:80", "127.0.0.2:80", false),
            ("0.0.0.0:80", "127.0.0.1:80", true),
            ("0.0.0.0:80", "[::1]:80", false),
            ("[::]:80", "127.0.0.1:80", true),
            ("[::]:80", "0.0.0.0:80", true),
            ("[::]:80", "[::1]:80", true),
            ("[::ffff:127.0.0.1]:80", "127.0.0.1:80", true),
        ] {
            assert_eq!(overlaps(at(a), at(b)), expected, "{a} {b}");
            assert_eq!(overlaps(at(b), at(a)), expected, "{b} {a}");
        }
    }
}
