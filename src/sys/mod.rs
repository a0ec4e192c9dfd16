//! The operating system, and the only home of `unsafe` and of `libc`.
//!
//! Every function here is a thin, safe call: descriptors are owned types, errors are
//! `std::io::Error`, and each `unsafe` block says why it is sound.

pub mod access;
#[cfg(test)]
mod alone;
pub mod arena;
pub mod clock;
pub mod content;
pub mod cpu;
pub mod crypt;
pub mod detach;
pub mod dirent;
pub mod fd;
pub mod filesystem;
pub mod heap;
pub mod hostname;
pub mod ifaddr;
pub mod keeper;
mod level;
pub mod limits;
pub mod listener;
pub mod log;
mod log_line;
mod log_target;
pub mod memory_file;
pub mod netlink;
pub mod notify;
pub mod open;
pub mod pages;
pub mod passing;
pub mod peer;
pub mod pid_file;
pub mod poll;
pub mod port_owner;
pub mod privileges;
pub mod process;
pub mod ring_log;
pub mod shortage;
pub mod signal;
pub mod socket;
pub mod spawn;
pub mod stat;
pub mod stderr;
pub mod stream;
pub mod syslog;
pub mod terminal;
mod throttle;
pub mod trust;
pub mod tz;
pub mod unix_listener;
pub mod unix_names;
pub mod user;
pub mod walk;
mod walk_path;
pub mod zeroed;
