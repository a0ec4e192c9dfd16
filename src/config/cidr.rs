//! Address blocks, as `allow` and `deny` list them.

use std::net::IpAddr;

/// An address block such as `192.168.1.0/24`; a bare address is a block of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    /// Network address (host bits are zero).
    pub network: IpAddr,
    /// Number of leading bits that count.
    pub prefix_bits: u8,
}

impl Cidr {
    /// Whether `address` lies in the block; IPv4 in IPv6 form counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.network, address.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => {
                let shift = 32 - u32::from(self.prefix_bits.min(32));
                (u64::from(net.to_bits()) >> shift) == (u64::from(ip.to_bits()) >> shift)
            }
            (IpAddr::V6(net), IpAddr::V6(ip)) => {
                let shift = 128 - u32::from(self.prefix_bits.min(128));
                shift == 128 || (net.to_bits() >> shift) == (ip.to_bits() >> shift)
            }
            _ => false,
        }
    }
}
