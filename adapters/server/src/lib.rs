//! The parts of the program `valetkey`, an authorization server: configuration, pages, passwords, browser sessions.
//!
//! It is a library only so that its tests can reach it; what other programs build on is `valetkey` and
//! `valetkey-tokio`.

pub mod account;
pub mod api;
pub mod app;
pub mod assets;
pub mod authorize;
pub mod calendar;
pub mod chart;
pub mod cli;
pub mod config;
pub mod cors;
pub mod database;
pub mod demo;
pub mod granted;
pub mod guesses;
pub mod headers;
pub mod host;
pub mod keys;
pub mod limits;
pub mod login;
pub mod logs;
pub mod measured;
pub mod metrics;
pub mod operator;
pub mod pages;
pub mod passwords;
pub mod people;
pub mod program;
pub mod proxies;
pub mod run;
pub mod seed;
pub mod serve;
pub mod sessions;
pub mod signing_keys;
pub mod system;
pub mod throttle;
pub mod token;
pub mod tour;
pub mod upkeep;
