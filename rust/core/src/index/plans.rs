//! What upstream, tool and annotations settle, kept for the next call of the same kind.
//!
//! Above: `evaluate` through `index`. Below: `layer`. Pure. Tool names come from agents, so everything here is
//! bounded: a name that comes too many takes another's place and only costs the time to settle it again.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHasher};

use super::Index;
use super::layer::Layer;
use crate::evaluate::Facts;
use crate::graph::Graph;

/// The most pairs of upstream and annotations.
const GENERALS: usize = 1024;
/// How many groups of places for tools there are; a power of two.
const SETS: usize = 2048;
/// How many tools whose names hash alike are kept.
const WAYS: usize = 4;
/// The most lists of rules whose layers are shared by tools.
const SHARED: usize = 4096;

/// The layers of the calls seen so far. A plan belongs to one index.
#[derive(Debug, Default)]
pub struct Plans {
    /// Whether they go on below a rule that surely decides.
    whole: bool,
    /// By upstream and effective annotations.
    generals: Vec<General>,
    /// `SETS` times `WAYS` places, made with the first call.
    tools: Vec<Option<Named>>,
    /// Where the next newcomer goes.
    turn: usize,
    /// Layers by their rules: names that the same patterns describe share one.
    shared: FxHashMap<Box<[u32]>, Arc<Layer>>,
}

#[derive(Debug)]
struct General {
    upstream: Box<str>,
    annotations: u8,
    layer: Layer,
}

#[derive(Debug)]
struct Named {
    general: usize,
    tool: Box<str>,
    layer: Arc<Layer>,
}

impl Plans {
    /// Plans that go on below a rule that surely decides, for who begins below it.
    pub(crate) fn whole() -> Self {
        Self {
            whole: true,
            ..Self::default()
        }
    }

    /// The layer of the rules for any tool and that of the rules that name this one.
    pub(super) fn layers(
        &mut self,
        index: &Index,
        graph: &Graph,
        facts: &Facts<'_>,
        tool: &str,
    ) -> (&Layer, &Layer) {
        static NO_RULES: std::sync::LazyLock<Layer> = std::sync::LazyLock::new(Layer::default);
        let general = self.general(index, graph, facts);
        let place = match self.find(general, tool) {
            Ok(place) => place,
            Err(place) => {
                let layer = self.share(index, &index.specific(graph, facts, tool, self.whole));
                if let Some(slot) = self.tools.get_mut(place) {
                    let tool = tool.into();
                    *slot = Some(Named {
                        general,
                        tool,
                        layer,
                    });
                }
                place
            }
        };
        let general = self
            .generals
            .get(general)
            .map_or(&*NO_RULES, |general| &general.layer);
        let named = self.tools.get(place).and_then(Option::as_ref);
        (general, named.map_or(&*NO_RULES, |named| &named.layer))
    }

    fn general(&mut self, index: &Index, graph: &Graph, facts: &Facts<'_>) -> usize {
        let annotations = facts.annotations.effective_bits();
        let known = self.generals.iter().position(|general| {
            general.annotations == annotations && *general.upstream == *facts.upstream
        });
        known.unwrap_or_else(|| {
            if self.generals.len() >= GENERALS {
                *self = Self {
                    whole: self.whole,
                    ..Self::default()
                };
            }
            self.generals.push(General {
                upstream: facts.upstream.into(),
                annotations,
                layer: index.general(graph, facts, self.whole),
            });
            self.generals.len() - 1
        })
    }

    /// The tool's place, or the one that it is to take.
    fn find(&mut self, general: usize, tool: &str) -> Result<usize, usize> {
        if self.tools.is_empty() {
            self.tools.resize_with(SETS * WAYS, || None);
        }
        let mut hasher = FxHasher::default();
        (general, tool).hash(&mut hasher);
        let set = hasher.finish() as usize % SETS * WAYS;
        let mut free = None;
        for (place, named) in (set..).zip(self.tools.iter().skip(set).take(WAYS)) {
            match named {
                Some(named) if named.general == general && *named.tool == *tool => {
                    return Ok(place);
                }
                Some(_) => {}
                None => free = Some(place),
            }
        }
        Err(free.unwrap_or_else(|| {
            self.turn = (self.turn + 1) % WAYS;
            set + self.turn
        }))
    }

    fn share(&mut self, index: &Index, positions: &[u32]) -> Arc<Layer> {
        if let Some(layer) = self.shared.get(positions) {
            return layer.clone();
        }
        if self.shared.len() >= SHARED {
            self.shared.clear();
        }
        let layer = Arc::new(index.layer(positions));
        self.shared.insert(positions.into(), layer.clone());
        layer
    }
}
