//! What help and manual say besides the options, once for both.

/// A table of words and what they mean.
pub(super) type Topic = &'static [(&'static str, &'static str)];

/// What a server that runs can be asked.
pub(super) const COMMANDS: Topic = &[
    ("status [--json]", "how it is: generations, connections, memory, addresses"),
    ("reload", "read the configuration again, and say how that went"),
    ("log [-f]", "print the last lines of its log; -f: and those to come"),
];

/// What signals do to the process that was started, or that `--pid-file` names.
pub(super) const SIGNALS: Topic = &[
    ("TERM, INT", "finish what is in progress, then stop; at once if repeated"),
    ("HUP", "reload, and open log files again; stop when the terminal is closed"),
    ("USR1", "open the log files again"),
    ("USR2", "go on with the program on disk, as after an upgrade"),
];

/// What the exit code says.
pub(super) const EXIT_CODES: Topic = &[
    ("0", "all is well"),
    ("1", "something failed while running, or no server answers"),
    ("2", "the command line is wrong"),
    ("75", "too many commands wait for the server: try again later"),
    ("78", "the configuration is wrong"),
];

/// Command lines to begin with.
pub(super) const EXAMPLES: Topic = &[
    ("kinglet www", "serve www on this machine only"),
    ("kinglet --listen '*' --port 8080 .", "serve this directory to the network"),
    ("kinglet --tls --listen '*' .", "the same over https"),
    ("kinglet -t -c /etc/lwsws", "check a configuration of lwsws"),
    ("kinglet -D --pid-file /run/kinglet.pid", "serve in the background"),
    ("kinglet status", "ask the server that runs"),
    ("kinglet --explain keepalive-timeout", "what a key means"),
];

/// For those who make packages.
pub(super) const PACKAGING: Topic = &[
    ("--man 8, --man 5", "print a page of the manual"),
    ("--completions SHELL", "print completions for bash, zsh or fish"),
];

/// Quick mode, in paragraphs.
pub(super) const QUICK: &str = "\
Quick mode (kinglet DIR) serves every file below DIR, lists directories that
have no index.html, and listens on the loopback address unless --listen names
another one. With --tls it speaks https, with a certificate of its own. It ends
with Ctrl-C, and with the terminal that it was started in.
";

/// Configurations.
pub(super) const CONFIGURATIONS: &str = "\
Configurations are those of lwsws: JSON with # comments in DIR/conf and
DIR/conf.d/*.
";

/// What the commands need.
pub(super) const ASKING: &str = "\
A command asks the server that runs with the same -c or serves DIR, of this
user or, for root, of the owner of that directory. Without either it asks the
one of /etc/kinglet or /etc/lwsws, or the only one in quick mode. A directory
with the name of a command is served as ./status.
";
