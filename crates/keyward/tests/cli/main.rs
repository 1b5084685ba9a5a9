//! The program as its users meet it: run in a folder of its own, judged by what it prints, writes and returns.

#[cfg(test)]
mod below_a_path;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod config;
#[cfg(test)]
mod deploy;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod files;
#[cfg(test)]
mod import;
#[cfg(test)]
mod log;
#[cfg(test)]
mod migrate_store;
#[cfg(test)]
mod monitoring;
#[cfg(test)]
mod postgres;
mod redis;
#[cfg(test)]
mod serve;
