//! The server of `httpx.json`'s wire cases: one list of operations for each connection.

use std::io;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::wire::Head;
use crate::{Server, Wire};

/// Starts a server that plays `connections`, a list of lists of operations.
pub fn serve(connections: &Value) -> Server {
    let connections: Vec<Vec<Value>> = connections
        .as_array()
        .unwrap()
        .iter()
        .map(|ops| ops.as_array().unwrap().clone())
        .collect();
    Server::wire(move |wire: &mut Wire| match connections.get(wire.number) {
        Some(ops) => play(wire, ops),
        None => Ok(()),
    })
}

fn play(wire: &mut Wire, ops: &[Value]) -> io::Result<()> {
    let mut head = Head::default();
    for op in ops {
        let name = op["op"].as_str().unwrap();
        match name {
            "read_head" => match wire.read_head()? {
                Some(next) => head = next,
                None => return Ok(()),
            },
            "read_body_cl" => {
                wire.read_body(&head)?;
            }
            "read_chunked" => {
                wire.read_chunked()?;
            }
            "read_n" => {
                wire.read_exactly(op["arg"].as_u64().unwrap() as usize)?;
            }
            "send" => wire.send(data(&op["data"]))?,
            "sleep" => thread::sleep(Duration::from_secs_f64(op["arg"].as_f64().unwrap())),
            "close" => {
                wire.finish();
                return Ok(());
            }
            "rst" => {
                wire.reset();
                return Ok(());
            }
            "wait_eof" => {
                wire.drain(Duration::from_secs(10));
                return Ok(());
            }
            _ => panic!("unknown operation {op}"),
        }
    }
    Ok(())
}

fn data(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => text.clone().into_bytes(),
        _ => {
            let part = |name: &str| value[name].as_str().unwrap();
            let count = value["count"].as_u64().unwrap() as usize;
            [
                part("prefix"),
                &part("repeat").repeat(count),
                part("suffix"),
            ]
            .concat()
            .into_bytes()
        }
    }
}
