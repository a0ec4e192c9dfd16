//! Words of other servers, and the keys that say the same here. A newcomer's first configuration
//! has them.

use super::keys::{self, Key, Level, Status};

/// What a word is here.
#[derive(Debug, Clone, Copy)]
enum Here {
    /// A key, written as in its example.
    Key(Level, &'static str),
    /// A key, written like this.
    As(Level, &'static str, &'static str),
    /// Nothing that a key says.
    Told(&'static str),
}

use Here::{As, Told};
use Level::{Global, Mount, Top, Vhost};

const fn key(level: Level, name: &'static str) -> Here {
    Here::Key(level, name)
}

/// Words in lower case, without punctuation, and what they are here.
const WORDS: &[(&str, Here)] = &[
    (
        "root fileserver documentroot docroot serverdocumentroot webroot home dir directory folder rootdir",
        key(Mount, "origin"),
    ),
    (
        "proxypass proxy reverseproxy proxyserver upstream backend",
        As(Mount, "origin", "\"http://127.0.0.1:8080\" (the reverse proxy is not built yet)"),
    ),
    (
        "return redirect redir rewrite redirecturl urlredirect",
        As(Mount, "origin", "\">https://example.com\""),
    ),
    (
        "location locations aliasurl handle route routes",
        As(Vhost, "mounts", "[{ \"mountpoint\": \"/docs\", \"origin\": \"file:///srv/docs\" }]"),
    ),
    ("location alias scriptalias url urlpath prefix urlprefix", key(Mount, "mountpoint")),
    (
        "index indexes indexfiles indexfilenames directoryindex indexpage defaultindex",
        key(Mount, "default"),
    ),
    (
        "autoindex browse dirlisting dirlistingactivate listing directorylist nodirlists fancyindex",
        key(Mount, "directory-listing"),
    ),
    (
        "authbasicuserfile authuserfile htpasswd userfile passwordfile passwd auth authbasic basicauthfile authbackend \
      authrequire authbackendhtpasswduserfile authtype require users password credentials htaccess accessfilename",
        key(Mount, "basic-auth"),
    ),
    ("allowfrom allowip allowed whitelist allowlist ipallow", key(Mount, "allow")),
    ("denyfrom denyip denied denyall blacklist blocklist block ipdeny", key(Mount, "deny")),
    ("mimetypes types mimetype mimetypeassign addtype mime", key(Mount, "extra-mimetypes")),
    ("expires cachecontrol maxage", key(Mount, "cache-max-age")),
    ("followlinks symlinks serverfollowsymlink disablesymlinks", key(Mount, "follow-symlinks")),
    (
        "listen listenhttp listenhttps bindport serverport httpport httpsport ports",
        As(Vhost, "port", "\"80\"; an address goes in \"interface\""),
    ),
    ("bind address serverbind listenaddress ip ipaddress binds", key(Vhost, "interface")),
    ("servername hostname host domain virtualhostname domainname fqdn", key(Vhost, "name")),
    ("serveralias serveraliases servernames hostnames domains", key(Vhost, "aliases")),
    (
        "sslcertificate sslcert sslpemfile sslcertificatefile cert certificate certfile tlscert \
         tlscertfile ssl tls https \
      sslengine sslcertificatechainfile pem",
        key(Vhost, "host-ssl-cert"),
    ),
    (
        "sslcertificatekey sslkey sslprivkey sslcertificatekeyfile key keyfile privatekey tlskey tlskeyfile",
        key(Vhost, "host-ssl-key"),
    ),
    (
        "sslclientcertificate sslcafile sslcacertificatefile ca cafile sslca sslverifyclientcafile",
        key(Vhost, "host-ssl-ca"),
    ),
    ("realm authname authbasicrealm authrealm", key(Mount, "basic-auth-realm")),
    (
        "sslverifyclient sslverifyclientactivate clientauth clientcert clientcerts clientcertificate \
         verifyclient requireclientcert mtls",
        key(Vhost, "client-cert-required"),
    ),
    ("redirecthttps httpsredirect forcessl sslredirect", key(Vhost, "redirect-http")),
    ("sslciphers sslcipherlist sslciphersuite", key(Vhost, "ciphers")),
    (
        "errorpage errordocument errorhandler error404 handleerrors \
         servererrorhandler404 servererrorfileprefix notfound",
        key(Vhost, "error-document-404"),
    ),
    ("log logfile customlog accesslogfilename accesslogfile", key(Vhost, "access-log")),
    ("logformat", key(Vhost, "access-log-format")),
    (
        "addheader header setenvaddresponseheader setresponseheader responseheaders",
        key(Vhost, "headers"),
    ),
    ("hsts stricttransportsecurity", key(Vhost, "sts")),
    ("user serverusername runas runasuser", key(Global, "username")),
    ("group servergroupname runasgroup", key(Global, "groupname")),
    (
        "threads workers workerprocesses servermaxworker worker processes numthreads maxthreads maxworkers",
        key(Global, "count-threads"),
    ),
    ("servertokens servertag serversignature", key(Global, "server-string")),
    (
        "workerconnections servermaxconnections maxclients maxrequestworkers connections",
        key(Global, "max-connections"),
    ),
    (
        "clientmaxbodysize servermaxrequestsize limitrequestbody maxbodysize requestbody",
        key(Global, "max-body"),
    ),
    ("limitconn limitconnperip maxconnperip evasivemaxconnsperip", key(Global, "ip-limit-wsi")),
    ("limitreq limitreqzone", key(Vhost, "rate-limit")),
    ("workerrlimitnofile servermaxfds", key(Global, "rlimit-nofile")),
    (
        "server servers site sites virtualhost virtualhosts virtualhosting",
        As(Top, "vhosts", "[{ \"name\": \"example.com\", \"port\": \"80\", \"mounts\": [ … ] }]"),
    ),
    ("http events globals config settings main", key(Top, "global")),
    (
        "errorlog servererrorlog loglevel syslog",
        Told(
            "the log goes to standard error or, with --log syslog, to the system's; -d sets its level",
        ),
    ),
    ("pid pidfile serverpidfile", Told("this is an option of the command line: --pid-file FILE")),
    ("daemon daemonize background", Told("this is an option of the command line: -D")),
    (
        "include includes import loadmodule servermodules modules",
        Told("every file of the directory conf.d is read; there are no modules to load"),
    ),
    (
        "gzip gzipstatic compress compressfiletype deflate brotli encode",
        Told("leave it out: FILE.gz and FILE.br beside FILE are sent to clients that accept them"),
    ),
    ("sendfile tcpnopush tcpnodelay usesendfile", Told("leave it out: this is always on")),
    (
        "cgi cgibin cgiprefix cgiassign fastcgipass fastcgi php fcgi",
        As(Mount, "origin", "\"cgi:///usr/lib/cgi-bin\" (CGI is not built yet)"),
    ),
];

/// A word of another server.
pub(super) struct Foreign {
    /// The key that says the same.
    pub(super) key: Option<&'static Key>,
    /// How to say it here.
    pub(super) hint: String,
}

/// What `name` is here, if it is such a word: on `level`, or else anywhere.
pub(super) fn find(level: Level, name: &str) -> Option<Foreign> {
    let name = folded(name);
    let said = |(words, _): &&(&str, Here)| words.split(' ').any(|word| word == name);
    let is_here = |(_, here): &&(&str, Here)| match here {
        Here::Key(of, _) | As(of, ..) => *of == level,
        Told(_) => false,
    };
    let all = || WORDS.iter().filter(said);
    let (_, here) = all().find(is_here).or_else(|| all().next())?;
    let (usual, key, how) = match *here {
        Here::Key(level, key) => (level, key, None),
        As(level, key, how) => (level, key, Some(how)),
        Told(text) => return Some(Foreign { key: None, hint: text.to_owned() }),
    };
    // "allow" may stand in a vhost too: then that is where it was meant.
    let key = keys::find(level, key)
        .filter(|key| !matches!(key.status, Status::NoEffect(_)))
        .or_else(|| keys::find(usual, key))?;
    let how = how.unwrap_or(key.example);
    let hint = format!("{}, write \"{}\": {how}", key.level.phrase(), key.name);
    Some(Foreign { key: Some(key), hint })
}

/// The letters and digits of a name, in lower case.
pub(super) fn folded(name: &str) -> String {
    let plain = name.chars().filter(char::is_ascii_alphanumeric);
    plain.map(|letter| letter.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_said_once_and_leads_to_a_key() {
        let all = || WORDS.iter().flat_map(|(words, _)| words.split(' ').filter(|w| !w.is_empty()));
        for word in all() {
            assert_eq!(folded(word), word);
            let count = all().filter(|other| *other == word).count();
            assert_eq!(count, if word == "location" { 2 } else { 1 }, "{word}");
            assert!(find(Level::Vhost, word).is_some(), "{word}");
        }
    }

    #[test]
    fn words_are_told_with_the_key_and_its_place() {
        for (word, hint) in [
            ("root", "in a mount, write \"origin\": \"file:///var/www\""),
            ("server.document-root", "in a mount, write \"origin\": \"file:///var/www\""),
            ("ssl_certificate_key", "in a vhost, write \"host-ssl-key\""),
            ("AuthUserFile", "in a mount, write \"basic-auth\""),
            ("proxy_pass", "not built yet"),
            ("pid", "--pid-file"),
            ("ServerAlias", "in a vhost, write \"aliases\""),
            ("AuthName", "in a mount, write \"basic-auth-realm\""),
        ] {
            let found = find(Level::Mount, word).unwrap().hint;
            assert!(found.contains(hint), "{word}: {found}");
        }
        let location = |level| find(level, "location").unwrap().hint;
        assert!(location(Level::Mount).contains("in a mount, write \"mountpoint\""));
        assert!(location(Level::Vhost).contains("in a vhost, write \"mounts\""));
        let allow = |level| find(level, "allow_from").unwrap().hint;
        assert!(allow(Level::Mount).contains("in a mount, write \"allow\""));
        assert!(allow(Level::Vhost).contains("in a vhost, write \"allow\""));
        let bind = find(Level::Global, "bind").unwrap().hint;
        assert!(bind.contains("in a vhost, write \"interface\""), "{bind}");
        assert!(find(Level::Mount, "frobnicate").is_none() && find(Level::Mount, "").is_none());
    }
}
