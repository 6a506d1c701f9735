"The interactive picture of the book computes what the library computes"
import asyncio, json

import pytest
import torch

from browser import Browser, find_chromium
from nbtools import ROOT
from prime_nb.alignment import target_association
from prime_nb.distances import target_distance
from prime_nb.proxies import pair_similarity, proxy_kl, proxy_spread, uniform_targets

PAGE = ROOT/'nbs'/'book'/'knobs.html'
pytestmark = pytest.mark.skipif(find_chromium() is None, reason='no Chromium here')
SETTINGS = [
    dict(tau_t=5, tau_f=5, alpha=.005, C=8, y=.3),
    dict(tau_t=12, tau_f=8, alpha=0, C=3, y=1),
    dict(tau_t=2, tau_f=20, alpha=.05, C=12, y=0)
]


async def ask():
    "What the page says about each setting, and what is wrong with the page at two widths"
    async with Browser() as b:
        wrong = [*await b.open(PAGE.resolve().as_uri(), 390), *await b.open(PAGE.resolve().as_uri(), 1280, dark=True)]
        return wrong, [json.loads(await b.evaluate(f'JSON.stringify(knobs.state({json.dumps(s)}))')) for s in SETTINGS]

@pytest.fixture(scope='module')
def answers(): return asyncio.run(ask())

def test_the_page_is_sound_and_asks_the_network_for_nothing(answers): assert not answers[0]

@pytest.mark.parametrize('i', range(len(SETTINGS)))
def test_the_picture_agrees_with_the_library(answers, i):
    s, got = SETTINGS[i], answers[1][i]
    y, a = torch.tensor(uniform_targets(0, 1, s['C'])), torch.tensor(got['a'], dtype=torch.float64)
    z = torch.stack([a.cos(), a.sin()], 1)
    want = dict(y=y, P=pair_similarity(target_distance(y, y), s['tau_t']), Q=pair_similarity(1 - z @ z.T, s['tau_f']),
                T=target_association(torch.tensor([s['y']], dtype=torch.float64), y, s['tau_t'])[0],
                kl=proxy_kl(z, y, s['tau_f'], s['tau_t']), spread=proxy_spread(z, y, s['alpha']))
    for name, value in want.items():
        torch.testing.assert_close(torch.tensor(got[name], dtype=torch.float64), value, rtol=1e-7, atol=1e-9, msg=name)
