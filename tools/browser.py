"""Open pages of the built site in headless Chromium and listen: console errors, failed requests, faulty mathematics,
and whether the page is wider than the screen. Speaks the DevTools protocol through tornado, which Jupyter brings.

    python tools/browser.py [--shots DIR] [--dark] [--width 390] [PAGE ...]    # PAGE below _docs: api/alignment.html"""
import argparse, asyncio, base64, json, os, shutil, subprocess, sys, tempfile
from pathlib import Path

from tornado.websocket import websocket_connect

from nbtools import ROOT

WIDTHS = dict(desktop=1280, phone=390)
NAMES = 'chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'
# No log of its own, nothing fetched in the background, and inside containers no sandbox of its own either
FLAGS = (
    '--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-background-networking '
    '--disable-component-update --disable-extensions --disable-sync --no-first-run --hide-scrollbars --mute-audio '
    '--remote-debugging-port=0'
).split()
# When MathJax has set the mathematics, and all pictures are there
READY = '''(async () => {
  if (window.MathJax && MathJax.startup) await MathJax.startup.promise
  document.querySelectorAll('img[loading=lazy]').forEach(i => i.loading = 'eager')
  await Promise.all([...document.images].map(i => i.decode().catch(() => 0)))
  await document.fonts.ready
})()'''
LOOK = '''(() => {
  const all = selector => [...document.querySelectorAll(selector)]
  const box = e => e.getBoundingClientRect()
  const start = text => (text || '').slice(0, 60)
  const scrolls = '.MathJax, mjx-container, pre, table, .math, details:not([open])'
  const paper = i => i.classList.contains('dark-light') ? 'rgba(0, 0, 0, 0)' : 'rgb(255, 255, 255)'
  const isDim = i => getComputedStyle(i).backgroundColor != paper(i)
  const tooWide = e => box(e).right > window.innerWidth + 1 && !e.closest(scrolls)
  const isCut = d => [...d.children].some(c => box(c).left < box(d).left - 1)
  return JSON.stringify({
    wide: document.documentElement.scrollWidth - window.innerWidth,
    blame: all('main *').filter(tooWide).slice(0, 3).map(e => `${e.tagName}.${e.className} ${start(e.textContent)}`),
    maths: all('mjx-merror, [data-mjx-error]').map(e => e.getAttribute('data-mjx-error') || e.textContent),
    raw: all('.math').filter(e => !e.querySelector('mjx-container')).map(e => start(e.textContent)),
    cut: all('div.math').filter(isCut).map(d => d.id || start(d.textContent)),
    broken: [...document.images].filter(i => !i.naturalWidth).map(i => i.src),
    dim: all('.cell_output img, .gallery img').filter(isDim).map(i => i.src)
  })
})()'''


def find_chromium():
    "The browser's program, or None: $CHROMIUM, else what is on the path"
    return next((p for n in (os.environ.get('CHROMIUM'), *NAMES) if n and (p := shutil.which(n))), None)


class Browser:
    "A headless Chromium with one page: `async with Browser() as b: await b.open(url, 390)`"
    async def __aenter__(self):
        self.folder = tempfile.mkdtemp(prefix='chromium-')
        command = [find_chromium(), *FLAGS, f'--user-data-dir={self.folder}', 'about:blank']
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        port, path = (await self.until(lambda: self.port_file())).split()
        self.ids, self.waiting, self.events = 0, {}, []
        self.socket = await websocket_connect(f'ws://127.0.0.1:{port}{path}', max_message_size=2**28)
        self.session = None
        self.reader = asyncio.ensure_future(self.read())
        target = await self.call('Target.createTarget', url='about:blank')
        attached = await self.call('Target.attachToTarget', targetId=target['targetId'], flatten=True)
        self.session = attached['sessionId']
        for domain in ('Page', 'Runtime', 'Log', 'Network'): await self.call(f'{domain}.enable')
        return self

    async def __aexit__(self, *error):
        self.reader.cancel()
        self.socket.close()
        self.process.terminate()
        self.process.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)

    def port_file(self):
        "What Chromium says about its port: two lines, once it listens"
        file = Path(self.folder)/'DevToolsActivePort'
        text = file.read_text() if file.exists() else ''
        return text if len(text.split()) == 2 else None

    async def until(self, ask, seconds=60):
        for _ in range(int(seconds*20)):
            if (answer := ask()) is not None: return answer
            if self.process.poll() is not None:
                raise RuntimeError(f'Chromium ended with status {self.process.returncode}')
            await asyncio.sleep(.05)
        raise TimeoutError(f'Chromium did not answer within {seconds} s')

    async def until_true(self, script, seconds=30):
        "Wait until an expression holds on the page"
        for _ in range(int(seconds*5)):
            if await self.evaluate(script): return
            await asyncio.sleep(.2)
        raise TimeoutError(f'not after {seconds} s: {script}')

    async def read(self):
        "Hand answers to who waits for them; keep events"
        while (text := await self.socket.read_message()) is not None:
            message = json.loads(text)
            if message.get('id') in self.waiting: self.waiting.pop(message['id']).set_result(message)
            elif 'method' in message: self.events.append(message)

    async def call(self, method, **params):
        "Call a method of the protocol"
        self.ids += 1
        self.waiting[self.ids] = answer = asyncio.get_running_loop().create_future()
        message = dict(id=self.ids, method=method, params=params)
        if self.session: message['sessionId'] = self.session
        await self.socket.write_message(json.dumps(message))
        reply = await asyncio.wait_for(answer, 60)
        if 'error' in reply: raise RuntimeError(f'{method}: {reply["error"]["message"]}')
        return reply['result']

    async def evaluate(self, script):
        reply = await self.call('Runtime.evaluate', expression=script, awaitPromise=True, returnByValue=True)
        if 'exceptionDetails' in reply: raise RuntimeError(f'{script[:60]}: {reply["exceptionDetails"]}')
        return reply['result'].get('value')

    async def open(self, url, width=1280, height=900, dark=False):
        "Open a page and wait until it stands; what is wrong with it"
        await self.call(
            'Emulation.setDeviceMetricsOverride', width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        await self.call(
            'Emulation.setEmulatedMedia',
            features=[
                dict(name='prefers-color-scheme', value='dark' if dark else 'light'),
                dict(name='prefers-reduced-motion', value='reduce')
            ])
        self.events.clear()
        await self.call('Page.navigate', url=url)
        await self.until(lambda: any(e['method'] == 'Page.loadEventFired' for e in self.events) or None)
        await self.evaluate(READY)
        return [*self.complaints(), *self.faults(json.loads(await self.evaluate(LOOK)))]

    def complaints(self):
        "What console and network said"
        for e in self.events:
            p = e['params']
            if e['method'] == 'Runtime.exceptionThrown':
                details = p['exceptionDetails']
                yield f'exception: {details.get("exception", {}).get("description", details["text"])}'
            if e['method'] == 'Runtime.consoleAPICalled' and p['type'] in ('error', 'warning', 'assert'):
                yield f'console: {[a.get("value", a.get("description")) for a in p["args"]]}'
            if e['method'] == 'Log.entryAdded' and p['entry']['level'] in ('error', 'warning'):
                yield f'log: {p["entry"]["text"]} {p["entry"].get("url", "")}'
            if e['method'] == 'Network.requestWillBeSent':
                url = p['request']['url']
                if not url.startswith(('file:', 'data:', 'blob:', 'about:')): yield f'asks the network for {url}'

    def faults(self, look):
        "What the page itself shows"
        if look['wide'] > 0: yield f'{look["wide"]} px wider than the screen: {look["blame"]}'
        yield from (f'mathematics: {m}' for m in look['maths'])
        yield from (f'mathematics was not set: {m}' for m in look['raw'])
        yield from (f'mathematics begins left of where it is seen: {m}' for m in look['cut'])
        yield from (f'a picture is missing: {b}' for b in look['broken'])
        yield from (f'a picture does not lie on its paper (white, or none for dark-light): {d}' for d in look['dim'])

    async def shot(self, path, full=False):
        "Write a PNG of what is seen, or of the whole page"
        data = await self.call('Page.captureScreenshot', format='png', captureBeyondViewport=full)
        Path(path).write_bytes(base64.b64decode(data['data']))


async def check(site, pages, widths=tuple(WIDTHS.values()), dark=False, shots=None, full=False):
    "Open `pages` of `site` at each width; page and width -> what is wrong"
    found = {}
    async with Browser() as browser:
        for page in pages:
            for width in widths:
                wrong = await browser.open((site/page).resolve().as_uri(), width, 844 if width < 600 else 900, dark)
                if wrong: found[f'{page} at {width} px'] = wrong
                if shots:
                    file = f'{page.removesuffix(".html").replace("/", "-")}-{width}{"-dark" if dark else ""}.png'
                    await browser.shot(shots/file, full)
    return found

def html_pages(site):
    return sorted(p.relative_to(site).as_posix() for p in site.rglob('*.html') if '_static' not in p.parts)

def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('pages', nargs='*', help='all of them if none is given')
    parser.add_argument('--site', type=Path, default=ROOT/'_docs')
    parser.add_argument('--width', type=int, nargs='*', default=list(WIDTHS.values()))
    parser.add_argument('--shots', type=Path, help='write screenshots to this folder')
    parser.add_argument('--dark', action='store_true')
    parser.add_argument('--full', action='store_true', help='screenshots of whole pages')
    args = parser.parse_args(argv)
    if not find_chromium(): sys.exit('No Chromium here. On Debian and Ubuntu: apt-get install chromium')
    if args.shots: args.shots.mkdir(parents=True, exist_ok=True)
    pages = args.pages or html_pages(args.site)
    found = asyncio.run(check(args.site, pages, args.width, dark=args.dark, shots=args.shots, full=args.full))
    for page, wrong in found.items(): print(page, *wrong, sep='\n   ')
    print(f'{len(pages)} pages opened at {len(args.width)} widths, {len(found)} with faults')
    return min(len(found), 1)


if __name__ == '__main__': sys.exit(main())
