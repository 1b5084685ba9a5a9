//! The wire: what paths, headers, addresses and methods may and may not do, over real sockets in front of an upstream
//! that records every byte. Each test names the rows of the security contract that it covers.

#[cfg(test)]
mod address;
#[cfg(test)]
mod asked;
#[cfg(test)]
mod authority;
#[cfg(test)]
mod authz;
#[cfg(test)]
mod authz_plane;
#[cfg(test)]
mod cors;
#[cfg(test)]
mod date;
#[cfg(test)]
mod envoy;
#[cfg(test)]
mod envoy_told;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod grpc;
#[cfg(test)]
mod header;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod import;
#[cfg(test)]
mod logged;
#[cfg(test)]
mod malformed_h2;
#[cfg(test)]
mod methods;
#[cfg(test)]
mod mission;
#[cfg(test)]
mod paths;
#[cfg(test)]
mod public_paths;
#[cfg(test)]
mod sites;
#[cfg(test)]
mod spoken;
#[cfg(test)]
mod swagger;
#[cfg(test)]
mod swagger_h2c;
#[cfg(test)]
mod unnamed;
#[cfg(test)]
mod world;
