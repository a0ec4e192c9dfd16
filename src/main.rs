//! `kinglet`: hands the command line to the daemon.

fn main() -> std::process::ExitCode {
    kinglet::daemon::main(std::env::args_os())
}
