//! stub
use super::args::{Args, exit};
use super::finding::Finding;
use crate::config::settings::Settings;
use crate::tls::Certified;
use crate::tls::Identity;
use crate::tls::self_signed::{Request, make};

/// `--self-signed`
pub(super) fn run(_: &Args) -> u8 {
    super::print::err("kinglet: --self-signed is not there yet");
    exit::RUNTIME
}

pub(super) fn certified(_: &Settings, _: &Args, _: &mut Vec<Finding>) -> Result<Certified, String> {
    let request = Request { names: &["localhost"], now_secs: crate::sys::clock::wall_secs() };
    let made = make(&request, None).map_err(|e| e.to_string())?;
    Ok(Identity::from_pem(made.certificate_pem.as_bytes(), made.key_pem.as_bytes())
        .map_err(|e| e.to_string())?
        .certified())
}

/// `--self-signed`
pub(super) fn run(_: &Args) -> u8 {
    1
}
