//! Finds circles in a flow's graph.

/// The circles among steps that need each other: each listed so that every step is needed by the next one, and the
/// last by the first. Empty when the steps can be put in an order. No step is in two of the answers.
///
/// `needs[i]` are the places of the steps that step `i` needs; a place that does not exist is ignored.
pub fn cycles(needs: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut open: Vec<bool> = vec![true; needs.len()];
    let mut found = Vec::new();
    loop {
        peel(needs, &mut open);
        let Some(start) = open.iter().position(|open| *open) else {
            return found;
        };
        let cycle = walk(needs, &open, start);
        for step in &cycle {
            open[*step] = false;
        }
        found.push(cycle);
    }
}

/// Closes every step whose dependencies are closed, until only steps in or behind a circle are open.
fn peel(needs: &[Vec<usize>], open: &mut [bool]) {
    let is_open = |open: &[bool], step: usize| open.get(step).copied().unwrap_or(false);
    let mut waits: Vec<usize> = vec![0; needs.len()];
    let mut dependents: Vec<Vec<usize>> = vec![Vec::new(); needs.len()];
    for (step, needed) in needs.iter().enumerate() {
        for needed in needed.iter().copied().filter(|needed| is_open(open, *needed)) {
            waits[step] += 1;
            dependents[needed].push(step);
        }
    }
    let mut free: Vec<usize> =
        (0..needs.len()).filter(|step| open[*step] && waits[*step] == 0).collect();
    while let Some(step) = free.pop() {
        open[step] = false;
        for dependent in &dependents[step] {
            waits[*dependent] -= 1;
            if waits[*dependent] == 0 && open[*dependent] {
                free.push(*dependent);
            }
        }
    }
}

/// Goes from dependency to dependency until a step comes back; every open step has an open dependency.
fn walk(needs: &[Vec<usize>], open: &[bool], start: usize) -> Vec<usize> {
    let mut path = vec![start];
    let mut place: Vec<Option<usize>> = vec![None; needs.len()];
    place[start] = Some(0);
    loop {
        let last = path[path.len() - 1];
        let next =
            needs[last].iter().copied().find(|needed| open.get(*needed).copied().unwrap_or(false));
        let Some(next) = next else {
            return path;
        };
        if let Some(begins) = place[next] {
            let mut cycle = path.split_off(begins);
            cycle.reverse();
            return cycle;
        }
        place[next] = Some(path.len());
        path.push(next);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_circle_is_listed_in_the_order_of_the_data() {
        // 0 -> 1 -> 2 -> 0, and 3 behind it.
        assert_eq!(cycles(&[vec![2], vec![0], vec![1], vec![0]]), [vec![1, 2, 0]]);
        assert_eq!(cycles(&[vec![0]]), [vec![0]]);
    }

    #[test]
    fn every_separate_circle_is_found() {
        assert_eq!(cycles(&[vec![1], vec![0], vec![3], vec![2]]).len(), 2);
    }

    #[test]
    fn a_graph_without_circles_has_none() {
        assert!(cycles(&[]).is_empty());
        assert!(cycles(&[vec![], vec![0], vec![0], vec![1, 2], vec![9]]).is_empty());
    }

    #[test]
    fn the_largest_flow_is_checked_without_recursion() {
        let ring: Vec<Vec<usize>> = (0..100_000).map(|step| vec![(step + 1) % 100_000]).collect();
        assert_eq!(cycles(&ring)[0].len(), 100_000);
    }

    proptest! {
        #[test]
        fn an_answer_is_a_circle_and_no_answer_means_there_is_an_order(
            needs in proptest::collection::vec(proptest::collection::vec(0..12_usize, 0..3), 0..12)
        ) {
            let found = cycles(&needs);
            for cycle in &found {
                for (place, step) in cycle.iter().enumerate() {
                    let next = cycle[(place + 1) % cycle.len()];
                    prop_assert!(needs[next].contains(step));
                }
            }
            let mut done = vec![false; needs.len()];
            for _ in 0..needs.len() {
                for step in 0..needs.len() {
                    done[step] |= needs[step].iter().all(|needed| done.get(*needed).copied().unwrap_or(true));
                }
            }
            prop_assert_eq!(found.is_empty(), done.iter().all(|done| *done));
        }
    }
}
