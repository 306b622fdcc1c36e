//! Rule 2: ARP.

use super::{Done, Stop, Verdict, arrive::Arrival, config::Config, packet::u32_at};

/// Ethernet, IPv4, 6, 4, request.
const REQUEST: [u8; 8] = [0, 1, 8, 0, 6, 4, 0, 1];

pub fn answer(config: &Config, arrival: &Arrival) -> Done {
    let body = &arrival.body;
    if body.len() < 28 || body[..8] != REQUEST {
        return Err(Stop::Pass);
    }
    let (sender, asked) = (u32_at(body, 14), u32_at(body, 24));
    let vpc = arrival.link.vpc;
    let transit = || {
        let block = config.blocks.get(&asked)?;
        Some(config.backends[config.endpoints[block.endpoint].backend].vpc == vpc)
    };
    let ours = asked == arrival.link.address
        || config.addresses.contains_key(&(vpc, asked))
        || config.in_transit(asked) && transit().unwrap_or(false);
    if sender == asked || !ours {
        return Err(Stop::Pass);
    }
    let (head, target) = (&[0, 1, 8, 0, 6, 4, 0, 2][..], &body[8..18]);
    let answer = [head, &arrival.link.mac, &asked.to_be_bytes(), target, &body[28..]].concat();
    Ok((Verdict::Answer(arrival.link.ifindex), arrival.answer(&answer)))
}
