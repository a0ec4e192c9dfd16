//! The table of command line options. Parser, help and suggestions all read it: a new option is a
//! row here, an arm in `args` and nothing else.

/// Names the options in the parser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::daemon) enum Id {
    ConfigDir,
    Debug,
    NoPlugins,
    Help,
    Version,
    Check,
    Strict,
    Dump,
    Schema,
    Explain,
    Port,
    Listen,
    Tls,
    SelfSigned,
    StateDir,
    StateDefault,
    DataDir,
    Daemonize,
    PidFile,
    Log,
    OneProcess,
    Json,
    Follow,
    Plan,
    Worker,
    Resume,
    Man,
    Completions,
}

/// One option; parser, help and suggestions all read this table.
#[derive(Debug)]
pub(in crate::daemon) struct Opt {
    pub(in crate::daemon) id: Id,
    pub(in crate::daemon) short: Option<char>,
    pub(in crate::daemon) long: &'static str,
    /// Name of its value in the help.
    pub(in crate::daemon) value: Option<&'static str>,
    /// In `--help` and the manual, and not in `-h`, which fits on a small screen.
    pub(in crate::daemon) rare: bool,
    /// What it does: fits on a line.
    pub(in crate::daemon) brief: &'static str,
    /// For `--help`: what more there is to say.
    pub(in crate::daemon) more: &'static str,
}

pub(in crate::daemon) const OPTIONS: &[Opt] = &[
    Opt {
        id: Id::ConfigDir,
        short: Some('c'),
        long: "configdir",
        value: Some("DIR"),
        rare: false,
        brief: "read DIR/conf and DIR/conf.d/*",
        more: "Without -c and without a directory to serve: /etc/kinglet if it\n\
               holds a file called conf, otherwise /etc/lwsws.",
    },
    Opt {
        id: Id::Check,
        short: Some('t'),
        long: "check",
        value: None,
        rare: false,
        brief: "check the configuration and this machine, then exit",
        more: "Reports every fault of every file with its place and a suggestion;\n\
               looks at directories, credentials, users, ports and interfaces as\n\
               the server will see them. A port that a running kinglet holds is\n\
               no fault.",
    },
    Opt {
        id: Id::Strict,
        short: None,
        long: "strict",
        value: None,
        rare: false,
        brief: "with -t: warnings count as errors",
        more: "",
    },
    Opt {
        id: Id::Dump,
        short: Some('T'),
        long: "dump",
        value: None,
        rare: false,
        brief: "print the effective configuration as JSON, then exit",
        more: "",
    },
    Opt {
        id: Id::Explain,
        short: None,
        long: "explain",
        value: Some("KEY"),
        rare: false,
        brief: "explain a configuration key, then exit",
        more: "",
    },
    Opt {
        id: Id::Schema,
        short: None,
        long: "schema",
        value: None,
        rare: true,
        brief: "print the JSON Schema of configurations, then exit",
        more: "",
    },
    Opt {
        id: Id::Listen,
        short: None,
        long: "listen",
        value: Some("ADDR"),
        rare: false,
        brief: "with DIR: on ADDR or ADDR:PORT (127.0.0.1)",
        more: "An IPv4 or IPv6 address, 'localhost', or '*' for every address;\n\
               with a port as in 192.168.1.1:80, [::1]:80 or :80.",
    },
    Opt {
        id: Id::Port,
        short: None,
        long: "port",
        value: Some("N"),
        rare: false,
        brief: "with DIR: on port N or any (0), else from 7681 on",
        more: "",
    },
    Opt {
        id: Id::Tls,
        short: None,
        long: "tls",
        value: None,
        rare: false,
        brief: "with DIR: over https, self-signed",
        more: "The certificate is made once and kept; browsers warn about it until\n\
               they are told to trust it. In a configuration a vhost with\n\
               \"host-ssl-cert\": \"self-signed\" has the same.",
    },
    Opt {
        id: Id::SelfSigned,
        short: None,
        long: "self-signed",
        value: None,
        rare: false,
        brief: "make the self-signed certificate, then exit",
        more: "One that is there is renewed if its names are no longer right or it\n\
               expires soon, and otherwise kept. Prints its file, the names it is\n\
               good for and its SHA-256 fingerprint.",
    },
    Opt {
        id: Id::StateDir,
        short: None,
        long: "state-dir",
        value: Some("DIR"),
        rare: true,
        brief: "keep the self-signed certificate in DIR",
        more: "Counts before \"state-dir\" of the configuration.",
    },
    Opt {
        id: Id::Daemonize,
        short: Some('D'),
        long: "daemonize",
        value: None,
        rare: false,
        brief: "go on in the background once it serves",
        more: "The command ends when clients can connect, or with the exit code of\n\
               what is wrong.",
    },
    Opt {
        id: Id::PidFile,
        short: None,
        long: "pid-file",
        value: Some("FILE"),
        rare: false,
        brief: "write the process id into FILE",
        more: "Also without -D. The file is removed at the end.",
    },
    Opt {
        id: Id::OneProcess,
        short: None,
        long: "one-process",
        value: None,
        rare: true,
        brief: "serve without a supervisor, for debuggers",
        more: "Nothing is reloaded or restarted.",
    },
    Opt {
        id: Id::Log,
        short: None,
        long: "log",
        value: Some("TARGET"),
        rare: false,
        brief: "log to stderr, syslog (with -D) or none",
        more: "The last lines are also kept in memory for 'kinglet log'.",
    },
    Opt {
        id: Id::Debug,
        short: Some('d'),
        long: "debug",
        value: Some("LEVEL"),
        rare: false,
        brief: "log: silent, error, warn, notice, info or debug",
        more: "lwsws' numbers are understood as well: the sum of 1 error, 2 warning,\n\
               4 notice, 8 info, 16 debug; the highest one counts.",
    },
    Opt {
        id: Id::DataDir,
        short: None,
        long: "data-dir",
        value: Some("DIR"),
        rare: true,
        brief: "what _lws_ddir_ stands for (/usr/share)",
        more: "",
    },
    Opt {
        id: Id::NoPlugins,
        short: Some('n'),
        long: "no-default-plugins",
        value: None,
        rare: true,
        brief: "load no plug-ins from the default directory",
        more: "",
    },
    Opt {
        id: Id::Help,
        short: Some('h'),
        long: "help",
        value: None,
        rare: false,
        brief: "help: -h in short, --help at length",
        more: "",
    },
    Opt {
        id: Id::Version,
        short: Some('V'),
        long: "version",
        value: None,
        rare: false,
        brief: "print the version",
        more: "",
    },
];

/// What the program's own processes and packagers use: read, but in no list.
pub(in crate::daemon) const HIDDEN: &[Opt] = &[
    hidden(Id::Json, "json", None),
    Opt { short: Some('f'), ..hidden(Id::Follow, "follow", None) },
    hidden(Id::Plan, "plan", None),
    hidden(Id::Worker, "worker", None),
    hidden(Id::Resume, "resume", Some("FD")),
    hidden(Id::StateDefault, "state-default", Some("DIR")),
    hidden(Id::Man, "man", Some("SECTION")),
    hidden(Id::Completions, "completions", Some("SHELL")),
];

const fn hidden(id: Id, long: &'static str, value: Option<&'static str>) -> Opt {
    Opt { id, short: None, long, value, rare: true, brief: "", more: "" }
}
