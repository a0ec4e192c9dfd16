//! What goes wrong around a server: files that shrink, clients that vanish, a stop in between.

use std::hash::{DefaultHasher, Hasher as _};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};

use super::client::Client;
use super::server::{Folder, Server, request, until};

const BIG: usize = 100 << 20;

/// Reads `len` bytes from `from` and says what they hash to.
fn hash(mut from: impl std::io::Read, len: usize) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut bytes = vec![0; 1 << 20];
    let mut left = len;
    while left > 0 {
        let ask = left.min(bytes.len());
        from.read_exact(&mut bytes[..ask]).unwrap();
        hasher.write(&bytes[..ask]);
        left -= ask;
    }
    hasher.finish()
}

/// A sparse file with something to be seen here and there.
fn landmarks(folder: &Folder, name: &str, len: usize) {
    let mut file = std::fs::OpenOptions::new().write(true).open(folder.at(name)).unwrap();
    for at in (0..len as u64).step_by(len / 97) {
        file.seek(SeekFrom::Start(at)).unwrap();
        file.write_all(&at.to_be_bytes()[..8.min(len - at as usize)]).unwrap();
    }
}

#[test]
fn a_hundred_mebibytes_arrive_as_they_are() {
    let folder = Folder::new().sparse("www/big.bin", BIG).file("www/f.txt", "file");
    landmarks(&folder, "www/big.bin", BIG);
    let want = hash(std::fs::File::open(folder.at("www/big.bin")).unwrap(), BIG);
    let server = folder.serve_www("", "", "");
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut client = server.connect();
                client.send(request("GET", "/big.bin", &[]).repeat(2));
                for _ in 0..2 {
                    let head = client.head();
                    assert!(head.contains(&format!("Content-Length: {BIG}\r\n")), "{head}");
                    let first = client.buffered();
                    assert!(hash(first.chain(&client.stream), BIG) == want);
                }
            });
        }
        // Others have their turn.
        scope.spawn(|| (0..20).for_each(|_| assert_eq!(server.get("/f.txt", &[]).text(), "file")));
    });
}

#[test]
fn parts_beyond_four_gibibytes_are_found() {
    let len = (5_usize << 30) + 3;
    let folder = Folder::new().sparse("www/huge.bin", len);
    let path = folder.at("www/huge.bin");
    let mut file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(len as u64 - 8)).unwrap();
    file.write_all(b"the end.").unwrap();
    let server = folder.serve_www("", "", "");
    let head = server.ask("HEAD", "/huge.bin", &[]);
    assert_eq!(head.value("Content-Length"), len.to_string());
    let end = server.get("/huge.bin", &["Range: bytes=-8"]);
    assert_eq!((end.status, end.text()), (206, "the end."));
    let range = format!("bytes {}-{}/{len}", len - 8, len - 1);
    assert_eq!(end.value("Content-Range"), range);
}

#[test]
fn a_file_that_shrinks_while_it_is_sent_ends_the_connection() {
    let server =
        Folder::new().sparse("www/big.bin", BIG).file("www/f.txt", "file").serve_www("", "", "");
    let mut client = server.connect();
    client.send(request("GET", "/big.bin", &[]).repeat(2));
    let head = client.head();
    assert!(head.contains(&format!("Content-Length: {BIG}\r\n")), "{head}");
    let path = server.folder.at("www/big.bin");
    std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(1 << 20).unwrap();
    let got = client.rest().len();
    assert!(got < BIG, "{got}");
    assert_eq!(server.get("/f.txt", &[]).text(), "file");
    until("the new length", || {
        server.ask("HEAD", "/big.bin", &[]).value("Content-Length") == "1048576"
    });
}

/// The cache still believes the old length when the bytes are read.
#[test]
fn a_small_file_that_shrinks_never_borrows_from_the_next_answer() {
    let server = Folder::new().sparse("www/a.bin", 20_000).serve_www("", "", "");
    assert_eq!(server.get("/a.bin", &[]).body.len(), 20_000);
    let path = server.folder.at("www/a.bin");
    std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(5000).unwrap();
    let mut client = server.connect();
    client.send(request("GET", "/a.bin", &[]).repeat(2));
    let head = client.head();
    if head.contains("Content-Length: 20000\r\n") {
        assert_eq!(client.rest(), vec![0; 5000]);
    }
    until("the new length", || {
        let mut client = server.connect();
        client.send(request("GET", "/a.bin", &["Connection: close"]));
        client.head().contains("Content-Length: 5000\r\n") && client.rest() == vec![0; 5000]
    });
}

#[test]
fn clients_that_vanish_leave_nothing_behind() {
    let folder = Folder::new().sparse("www/big.bin", BIG).file("www/f.txt", "file");
    let server = folder.serve_www(r#""max-connections": 8,"#, "", "");
    for n in 0..64 {
        let mut client = server.connect();
        let text = request("GET", "/big.bin", &[]);
        match n % 4 {
            // In the middle of an answer, of a head, of a batch, of nothing.
            0 => {
                client.send(text);
                client.take(1000);
            }
            1 => client.send(&text[..20]),
            2 => client.send(text.repeat(20)),
            _ => {}
        }
    }
    // Eight places would be taken for ever by those that were not noticed.
    let mut clients: Vec<Client> = (0..8).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(request("GET", "/f.txt", &[]));
        assert_eq!(client.answer().text(), "file");
    }
}

fn in_the_middle() -> (Server, Client, Client) {
    let folder = Folder::new().sparse("www/big.bin", BIG).file("www/f.txt", "file");
    let server = folder.serve_www("", "", "");
    let mut idle = server.connect();
    idle.send(request("GET", "/f.txt", &[]));
    assert_eq!(idle.answer().text(), "file");
    let mut busy = server.connect();
    busy.send(request("GET", "/big.bin", &[]));
    assert!(busy.head().starts_with("HTTP/1.1 200 "));
    (server, idle, busy)
}

#[test]
fn a_stop_finishes_what_has_begun() {
    let (server, mut idle, mut busy) = in_the_middle();
    let address = server.address;
    server.signal(libc::SIGTERM);
    idle.ends();
    until("no more connections", || std::net::TcpStream::connect(address).is_err());
    let first = busy.buffered();
    let mut rest = first.chain(&busy.stream);
    assert_eq!(std::io::copy(&mut rest, &mut std::io::sink()).unwrap(), BIG as u64);
    server.finish();
}

#[test]
fn a_second_stop_ends_at_once() {
    let (server, mut idle, mut busy) = in_the_middle();
    server.signal(libc::SIGTERM);
    idle.ends();
    server.signal(libc::SIGTERM);
    assert!(busy.rest().len() < BIG);
    server.finish();
}
