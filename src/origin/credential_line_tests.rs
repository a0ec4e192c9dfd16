//! Tests of what a line is taken for.

use super::*;

const SHA512: &str = "$6$saltsalt$YTeBOLnmm3CoeJTzBuijUEtOEWCqrw/nQ8/AeMmON4LGp3k0ZiMjC1OdqzWFUAfDQBvYkOch9BWt\
     QTBcZ1E/p0";

/// What the value of the only line of a file is taken for.
fn of(value: &str) -> Result<String, Flaw> {
    let text = format!("u:{value}\n");
    let (number, line) = lines(text.as_bytes()).next().unwrap();
    assert_eq!(number, 1);
    line.map(|(user, value)| {
        assert_eq!(user, b"u");
        match value {
            Value::Plain(text) => format!("plain {}", String::from_utf8_lossy(text)),
            other => other.name().to_owned(),
        }
    })
}

#[test]
fn what_each_value_is_taken_for() {
    let bcrypt = "$2y$04$abcdefghijklmnopqrstuuwHJMEGjfAzmL1lWmUmlphguIbWfjYey";
    let yescrypt = "$y$j9T$saltsalt$MmzYIhBIJxhTkmVEKvTymkSq17HeeFreG2/yonyr7s1";
    for (value, name) in [
        (SHA512, "a SHA-512 hash"),
        (bcrypt, "a bcrypt hash"),
        (yescrypt, "a yescrypt hash"),
        ("$apr1$abcdefgh$cy3DSYyOwfhsyu7QOMQzd.", "an MD5 hash of Apache"),
        ("$1$abcdefgh$rwnEbRiN0agqVgZBovWNQ/", "an MD5 hash"),
        ("{SHA}qvTGHdzF6KLavt4PO0gs2a6pQ00=", "a SHA-1 hash"),
        ("LIfOpbjNaEQYE", "a DES hash"),
        ("_J9..rasmG1gANnusqQA", "a DES hash of BSDi"),
    ] {
        for more in
            ["", ":", ":Ada Lovelace", ":19000:0:99999:7:::", " ", "\t", " \t ", "\r", " :x"]
        {
            assert_eq!(of(&format!("{value}{more}")).as_deref(), Ok(name), "{value}{more:?}");
        }
        // Locked, as passwd -l does it.
        for mark in ["!", "!!", "*", "!*"] {
            assert_eq!(of(&format!("{mark}{value}")), Err(Flaw::Locked), "{mark}{value}");
        }
        // Cut short, or with something else behind it.
        for cut in 1..4 {
            let text = &value[..value.len() - cut];
            let is_word = matches!(value.len(), 13 | 20);
            assert_eq!(of(text).is_ok(), is_word, "{text}");
        }
        if name != "a DES hash" && name != "a DES hash of BSDi" {
            assert_eq!(of(&format!("{value} # Ada")), Err(Flaw::Damaged(name)));
        }
    }
}

#[test]
fn what_cannot_be_a_password() {
    for value in ["*", "!", "!!", "*:19000:0:99999:7:::", "*LK*", "*NP*", "*0", "!{SSHA}x"] {
        assert_eq!(of(value), Err(Flaw::Locked), "{value}");
    }
    assert_eq!(of("*94BDCEBE19083CE2A1F959FD02F964C7AF4CFC29"), Err(Flaw::Locked));
    for value in [
        "{SSHA}qvTGHdzF6KLavt4PO0gs2a6pQ00=",
        "{ssha}x",
        "{Crypt}$6$x$y",
        "{MD4}x",
        "{SSHA256.B64}x",
        "{PLAIN-MD5}x",
        "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA",
        "$2$08$abc",
        "$2x$04$abcdefghijklmnopqrstuuwHJMEGjfAzmL1lWmUmlphguIbWfjYey",
        "$gy$j9T$salt$hash",
        "$7$CU..../....salt$hash",
        "$md5,rounds=904$salt$$hash",
        "$P$Babcdefgh",
        "$9$foo",
        "pbkdf2_sha256$260000$salt$hash=",
        "pbkdf2:sha256:150000$salt$hash",
        "scrypt:32768:8:1$salt$hash",
        "argon2$argon2id$v=19$m=1,t=2,p=8$salt$hash",
        "sha1$salt$hash",
    ] {
        assert_eq!(of(value), Err(Flaw::Unknown), "{value}");
    }
    assert_eq!(of("the realm:5f4dcc3b5aa765d61d8327deb882cf99"), Err(Flaw::Digest));
    for value in ["x:0:0:root:/root:/bin/ash", ":0:0:99999:7:::", "x:0:0:99999:7:::"] {
        assert_eq!(of(value), Err(Flaw::Account), "{value}");
    }
    for value in [SHA512[..60].into(), "$6$".into(), "$5$x".into(), "$6$a$".repeat(60)] {
        assert!(matches!(of(&value), Err(Flaw::Damaged(_))), "{value}");
    }
}

#[test]
fn what_is_a_password_all_the_same() {
    for value in [
        "",
        "testpass",
        "with:colon",
        "two words ",
        "!Secret1",
        "*star*",
        "$money",
        "$5.00$",
        "$5",
        "${",
        "{x}y",
        "{x",
        "a{SHA}",
        "x",
        "x:y",
        "correcthorses",
        "correcthorse1",
        "2026112912346",
        "Raspberry2023",
        "LIfOpbjNaEQY",
        "LIfOpbjNaEQYEE",
        "LIfOpbjNa-QYE",
        "_underscore",
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "sha1$x",
    ] {
        assert_eq!(of(value), Ok(format!("plain {value}")), "{value}");
    }
    // How to write one that looks like something else.
    for value in ["*", "Raspberry2026", SHA512, "{SHA}x", "a:b"] {
        assert_eq!(of(&format!("{{PLAIN}}{value}")), Ok(format!("plain {value}")), "{value}");
    }
    assert_eq!(of("Raspberry2026").as_deref(), Ok("a DES hash"));
    assert_eq!(Value::Plain(b"a ").name(), "a password that ends with white space");
}

#[test]
fn lines_are_counted_from_one_and_marks_passed_over() {
    let text = "\u{feff}# note\r\n\r\nada:one\r\n\n:x\nnocolon\nn:\0";
    let found: Vec<_> = lines(text.as_bytes()).collect();
    assert_eq!(
        found,
        [
            (3, Ok((&b"ada"[..], Value::Plain(b"one")))),
            (5, Err(Flaw::NoPair)),
            (6, Err(Flaw::NoPair)),
            (7, Err(Flaw::NoText)),
        ]
    );
    assert!(lines(b"").next().is_none());
    let long = format!("u:{}", "p".repeat(LINE_BYTES_MAX - 2));
    assert!(lines(long.as_bytes()).all(|(_, line)| line.is_ok()));
    assert!(lines(format!("{long}p").as_bytes()).all(|(_, line)| line == Err(Flaw::NoText)));
}

#[test]
fn the_c_library_is_asked_with_settings_that_it_takes() {
    use crate::sys::crypt::CryptError;
    if crypt::verify(b"", b"ab") == Err(CryptError::Missing) {
        return;
    }
    let mut known = 0;
    for method in NAMED.iter().chain([&DES, &BSDI]) {
        match method.objection() {
            None => known += 1,
            Some(error) => assert_eq!(error, CryptError::Unsupported, "{}", method.name),
        }
    }
    // musl has no yescrypt, and some systems leave DES out.
    assert!(known >= 7, "{known}");
}
