//! What is told once of each address, and of a few alone: what strangers can bring about must not fill a log.

use std::net::IpAddr;
use std::sync::OnceLock;

const MOST: usize = 8;

/// The addresses of which something was told. Asking takes no lock.
pub(crate) struct Told([OnceLock<IpAddr>; MOST]);

impl Told {
    pub(crate) const fn new() -> Self {
        Self([const { OnceLock::new() }; MOST])
    }

    /// Whether it is to be told of this address now.
    pub(crate) fn is_news(&self, address: IpAddr) -> bool {
        for place in &self.0 {
            let mut is_news = false;
            let told = place.get_or_init(|| {
                is_news = true;
                address
            });
            if is_news || *told == address {
                return is_news;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn each_address_is_told_once_and_a_few_alone() {
        let told = Told::new();
        let told_of = |last| told.is_news(Ipv4Addr::new(192, 0, 2, last).into());
        for last in [1, 2, 1, 2, 3, 1] {
            let is_first = !(1..=last).all(|n| told.0[usize::from(n) - 1].get().is_some());
            assert_eq!(told_of(last), is_first, "{last}");
        }
        assert_eq!((0..=255).filter(|last| told_of(*last)).count(), MOST - 3);
    }
}
