//! What the processor is good at.

/// Whether the processor has the instructions that make AES-GCM cheap (AES rounds and carry-less
/// multiplication) and ring uses them. Without them ChaCha20-Poly1305 costs a fraction of AES-GCM.
///
/// 32-bit ARM counts as without, even where the kernel shows the instructions: ring has no code
/// for them there. So does everything that is neither x86 nor little-endian AArch64.
#[must_use]
pub fn has_fast_aes() -> bool {
    detected()
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
fn detected() -> bool {
    std::arch::is_x86_feature_detected!("aes")
        && std::arch::is_x86_feature_detected!("pclmulqdq")
        && std::arch::is_x86_feature_detected!("ssse3")
}

#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
fn detected() -> bool {
    // The name stands for FEAT_AES and FEAT_PMULL.
    std::arch::is_aarch64_feature_detected!("aes")
}

#[cfg(not(any(
    target_arch = "x86",
    target_arch = "x86_64",
    all(target_arch = "aarch64", target_endian = "little")
)))]
fn detected() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_what_the_kernel_says() {
        let Ok(info) = std::fs::read_to_string("/proc/cpuinfo") else { return };
        let line = info.lines().find(|line| {
            let key = line.split(':').next().unwrap_or_default().trim();
            key == "flags" || key == "Features"
        });
        let Some((_, words)) = line.and_then(|line| line.split_once(':')) else { return };
        let has = |word: &str| words.split_whitespace().any(|known| known == word);
        let fast = match std::env::consts::ARCH {
            "x86" | "x86_64" => has("aes") && has("pclmulqdq") && has("ssse3"),
            "aarch64" => has("aes") && has("pmull"),
            _ => false,
        };
        assert_eq!(has_fast_aes(), fast);
    }
}
