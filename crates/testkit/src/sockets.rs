//! What the system's table tells of connections over IPv4.

/// One connection.
pub struct Socket {
    /// The port of its own end.
    pub local: u16,
    /// The port of its other end.
    pub remote: u16,
    /// Whether it is established.
    pub is_established: bool,
    /// Whether the system will ask its other end whether it is there.
    pub is_probed: bool,
    /// Bytes that have come and were not read.
    pub unread: u64,
}

/// All of them.
pub fn sockets() -> Vec<Socket> {
    let table = std::fs::read_to_string("/proc/net/tcp").expect("the system's table");
    table.lines().skip(1).map(socket).collect()
}

fn socket(line: &str) -> Socket {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let after_colon = |field: &str| {
        let (_, number) = field.split_once(':').expect("two numbers");
        u64::from_str_radix(number, 16).expect("a number")
    };
    let port = |field| u16::try_from(after_colon(field)).expect("a port");
    Socket {
        local: port(fields[1]),
        remote: port(fields[2]),
        is_established: fields[3] == "01",
        is_probed: fields[5].starts_with("02:"),
        unread: after_colon(fields[4]),
    }
}
