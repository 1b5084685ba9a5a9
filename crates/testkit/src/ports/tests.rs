use super::*;

#[test]
fn a_port_is_given_once_and_stays_this_processs_own_while_nobody_listens() {
    let address = free_address();
    assert!(claim(address.port()).is_none(), "{address} could be taken");
    drop(TcpListener::bind(address).unwrap());
    assert!(claim(address.port()).is_none(), "{address} could be taken");
}

#[test]
fn a_port_on_which_somebody_listens_is_not_given() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    assert!(claim(port).is_none(), "somebody listens on {port}");
}

#[test]
fn a_cluster_has_both_of_its_ports() {
    let address = free_address_of_cluster();
    assert!(claim(address.port()).is_none() && claim(address.port() + CLUSTER_BUS).is_none());
}
