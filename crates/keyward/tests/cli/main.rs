//! The program as its users meet it: run in a folder of its own, judged by what it prints, writes and returns.

#[cfg(test)]
mod commands;
#[cfg(test)]
mod config;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod files;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod serve;
#[cfg(test)]
mod support;
