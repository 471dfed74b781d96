// SPDX-License-Identifier: ISC
'use strict';

// What the page knows: who looks, what the gateway says, and what is shown.
const state = { me: null, summary: null, offset: 0, limit: 50, rows: new Map(),
    tab: 'peers', stream: null, peer: null, waiting: null, opener: null };
const $ = id => document.getElementById(id);

// An element with attributes, listeners ("onclick") and children.
function el(name, attrs = {}, ...children) {
	const e = document.createElement(name);
	for (const [k, v] of Object.entries(attrs)) {
		if (k.startsWith('on'))
			e.addEventListener(k.slice(2), v);
		else if (v === true)
			e.setAttribute(k, '');
		else if (v !== false && v !== null && v !== undefined)
			e.setAttribute(k, v);
	}
	e.append(...children.filter(c => c !== null && c !== undefined));
	return e;
}

function svg(name, attrs = {}, ...children) {
	const e = document.createElementNS('http://www.w3.org/2000/svg', name);
	for (const [k, v] of Object.entries(attrs))
		e.setAttribute(k, v);
	e.append(...children);
	return e;
}

// ---- numbers and times, as the reader writes them

const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte', 'petabyte'];
const formats = new Map();

function bytes(n) {
	let u = 0;
	for (; n >= 1000 && u < units.length - 1; u++)
		n /= 1000;
	if (!formats.has(u))
		formats.set(u, new Intl.NumberFormat(undefined, { style: 'unit', unit: units[u],
		    unitDisplay: u === 0 ? 'long' : 'short', maximumSignificantDigits: 3 }));
	return formats.get(u).format(n);
}

const bitUnits = ['bit', 'kilobit', 'megabit', 'gigabit'];

function rate(n) {
	let u = 0, bits = n * 8;
	for (; bits >= 1000 && u < bitUnits.length - 1; u++)
		bits /= 1000;
	const k = 'r' + u;
	if (!formats.has(k))
		formats.set(k, new Intl.NumberFormat(undefined, { style: 'unit', unit: bitUnits[u],
		    unitDisplay: 'short', maximumSignificantDigits: 3 }));
	return formats.get(k).format(bits) + '/s';
}

const count = new Intl.NumberFormat();
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });
const steps = [['second', 60], ['minute', 60], ['hour', 24], ['day', 60], ['month', 24], ['year', Infinity]];

function ago(seconds) {
	let n = seconds - Date.now() / 1000;
	for (const [unit, size] of steps) {
		if (Math.abs(n) < size)
			return relative.format(Math.round(n), unit);
		n /= size;
	}
}

function exact(seconds) {
	return new Date(seconds * 1000).toLocaleString();
}

// A time that is told relative to now, and exactly when it is pointed at.
function when(seconds) {
	const e = el('time', { datetime: new Date(seconds * 1000).toISOString(), title: exact(seconds), 'data-at': seconds });
	e.textContent = ago(seconds);
	return e;
}

setInterval(() => {
	for (const e of document.querySelectorAll('time[data-at]'))
		e.textContent = ago(Number(e.dataset.at));
}, 10000);

// ---- the gateway

async function ask(path, method = 'GET', form = null) {
	const options = { method, headers: {}, credentials: 'same-origin' };
	if (state.me)
		options.headers['X-CSRF-Token'] = state.me.csrf;
	if (form)
		options.body = new URLSearchParams(form);
	let answer;
	try {
		answer = await fetch('/api/v1/' + path, options);
	} catch (e) {
		throw new Error('The gateway does not answer.');
	}
	const data = await answer.json().catch(() => ({}));
	if (answer.status === 401 && path !== 'session' && state.me)
		showLogin();
	if (!answer.ok)
		throw Object.assign(new Error(data.error || answer.statusText), { status: answer.status });
	return data;
}

function showLogin() {
	stopStream();
	state.me = null;
	for (const d of document.querySelectorAll('dialog[open]'))
		d.close();
	$('app').hidden = true;
	$('login').hidden = false;
	$('user').focus();
}

$('login-form').addEventListener('submit', async e => {
	e.preventDefault();
	$('login-error').textContent = '';
	try {
		state.me = await ask('session', 'POST', { user: $('user').value, password: $('password').value });
	} catch (err) {
		$('login-error').textContent = err.message;
		$('password').select();
		return;
	}
	$('password').value = '';
	showApp();
});

$('logout').addEventListener('click', async () => {
	await ask('session', 'DELETE').catch(() => {});
	showLogin();
});

const admin = () => state.me && state.me.role === 'admin';

async function showApp() {
	$('login').hidden = true;
	$('app').hidden = false;
	$('who').textContent = state.me.user + (admin() ? '' : ' (looks only)');
	$('logout').hidden = state.me.by_proxy;
	startStream();
	await refresh();
	drawCurve($('curve'), null);
}

// Both the summary and the list; a gateway that has just begun is asked again.
async function refresh() {
	if (!state.me)
		return;
	try {
		state.summary = await ask('summary');
	} catch (err) {
		if (err.status === 503)
			setTimeout(refresh, 1000);
		return;
	}
	const s = state.summary;
	showFigures(s);
	$('add').hidden = !admin() || !s.editable;
	$('why-not').hidden = !admin() || s.editable;
	$('why-not').textContent = s.why_not;
	$('new-host-field').hidden = s.public_endpoint !== '';
	await showPeers();
}

function showFigures(s) {
	$('online').textContent = state.summary ? count.format(s.online) + ' / ' + count.format(state.summary.peers) : count.format(s.online);
	$('down').textContent = rate(s.tx_rate);
	$('up').textContent = rate(s.rx_rate);
	$('down-total').textContent = bytes(s.tx_bytes) + ' in all';
	$('up-total').textContent = bytes(s.rx_bytes) + ' in all';
}

// ---- what happens, as it happens

function stopStream() {
	if (state.stream)
		state.stream.close();
	state.stream = null;
}

function startStream() {
	stopStream();
	const s = state.stream = new EventSource('/api/v1/stream');
	s.addEventListener('open', async () => {
		if (!$('lost').hidden) {
			const me = await ask('session').catch(() => null);
			if (me)
				state.me = me;
			refresh();
		}
		$('lost').hidden = true;
	});
	s.addEventListener('error', async () => {
		if (state.stream !== s)
			return;
		$('lost').hidden = false;
		// it may be the session that has ended, and not the connection
		const me = await ask('session').catch(err => err.status === 401 ? null : undefined);
		if (state.stream !== s)
			return;
		if (me === null)
			showLogin();
		else if (s.readyState === EventSource.CLOSED)
			setTimeout(() => { if (state.stream === s) startStream(); }, 3000);
		// after a restart the token is another one
		if (me)
			state.me = me;
	});
	s.addEventListener('tick', e => tick(JSON.parse(e.data)));
	// all who look hear of it at the same time, and do not come at the same time
	s.addEventListener('peers', () => setTimeout(refresh, Math.random() * 1000));
	s.addEventListener('log', e => { if (state.tab === 'events') addEvent(JSON.parse(e.data)); });
}

function tick(t) {
	showFigures(t);
	for (const p of t.peers) {
		const row = state.rows.get(p.name);
		if (row) {
			Object.assign(row.peer, p);
			fillRow(row);
		}
		if (state.peer && state.peer.name === p.name) {
			Object.assign(state.peer, p);
			showFacts();
		}
		if (state.waiting === p.name && p.state === 'online') {
			$('made-state').textContent = 'It is connected.';
			state.waiting = null;
		}
	}
	if (t.more)
		later();
}

// More have changed than a tick tells: the list is fetched, but not all the time.
let soon = null;
function later() {
	if (!soon)
		soon = setTimeout(() => { soon = null; showPeers(); }, 4000);
}

// ---- the list

const states = { online: 'online', offline: 'offline', never: 'not here yet', over: 'ended', disabled: 'disabled' };

function fillRow(row) {
	const p = row.peer, [name, seen, from, down, up, total, limits] = row.tr.children;
	name.replaceChildren(el('span', { class: 'dot ' + p.state, 'aria-hidden': 'true' }),
	    el('button', { class: 'link', onclick: e => openPeer(p.name, e.currentTarget) }, p.name), ' ',
	    el('span', { class: 'tag ' + p.state }, states[p.state]));
	seen.replaceChildren(p.latest_handshake ? when(p.latest_handshake) : '–');
	from.textContent = p.endpoint || '–';
	down.textContent = p.tx_rate ? rate(p.tx_rate) : '–';
	up.textContent = p.rx_rate ? rate(p.rx_rate) : '–';
	total.textContent = bytes(p.rx_bytes + p.tx_bytes);
	limits.replaceChildren();
	if (p.quota) {
		const used = p.rx_bytes + p.tx_bytes, text = bytes(used) + ' of ' + bytes(p.quota);
		limits.append(el('progress', { max: p.quota, value: Math.min(used, p.quota), 'aria-label': 'quota: ' + text, title: text }), el('span', { class: 'small' }, text));
	}
	if (p.expires)
		limits.append(el('div', { class: 'small' }, p.expires * 1000 < Date.now() ? 'ended ' : 'ends ', when(p.expires)));
}

function newRow(p) {
	const tr = el('tr');
	for (const what of [null, 'seen', 'from', 'to it', 'from it', 'total', null])
		tr.append(el('td', { class: /it|total/.test(what) ? 'num' : null, 'data-what': what }));
	const row = { peer: p, tr };
	fillRow(row);
	return row;
}

let asked = 0;
async function showPeers() {
	const [sort, order] = $('sort').value.split(':'), mine = ++asked;
	const query = new URLSearchParams({ search: $('search').value.trim(), state: $('state').value,
	    sort, order: order || 'asc', offset: state.offset, limit: state.limit });
	let list;
	try {
		list = await ask('peers?' + query);
	} catch (err) {
		return;
	}
	if (mine !== asked)
		return;		// another answer is on its way
	if (list.offset >= list.matched && list.offset > 0) {
		state.offset = 0;
		return showPeers();
	}
	state.rows = new Map(list.peers.map(p => [p.name, newRow(p)]));
	// who has the focus keeps it
	const focus = document.activeElement.closest && document.activeElement.closest('#peers tr');
	const focused = focus && focus.querySelector('.link').textContent;
	document.querySelector('#peers tbody').replaceChildren(...[...state.rows.values()].map(r => r.tr));
	if (focused && state.rows.has(focused))
		state.rows.get(focused).tr.querySelector('.link').focus();
	$('peers').hidden = list.matched === 0;
	$('empty').hidden = list.matched > 0;
	if (list.matched === 0)
		showEmpty(list.total);
	$('pages').hidden = list.matched <= state.limit;
	$('page').textContent = count.format(list.offset + 1) + '–' + count.format(list.offset + list.peers.length) +
	    ' of ' + count.format(list.matched);
	$('prev').disabled = list.offset === 0;
	$('next').disabled = list.offset + list.peers.length >= list.matched;
}

function showEmpty(total) {
	$('empty').replaceChildren(total > 0 ? el('p', {}, 'No peer is like that.') :
	    el('p', {}, 'Nobody may connect yet. ', admin() && state.summary.editable ?
	    'Add the first device: a phone, with its camera, is online in a minute.' :
	    'Peers are made by an administrator, or in wgslirpd.conf.'));
}

let typing = null;
$('search').addEventListener('input', () => {
	clearTimeout(typing);
	typing = setTimeout(() => { state.offset = 0; showPeers(); }, 200);
});
for (const id of ['state', 'sort'])
	$(id).addEventListener('change', () => { state.offset = 0; showPeers(); });
$('prev').addEventListener('click', () => { state.offset = Math.max(0, state.offset - state.limit); showPeers(); });
$('next').addEventListener('click', () => { state.offset += state.limit; showPeers(); });

// ---- curves

const spans = { minutes: 'last 15 minutes', hours: 'last day', days: 'last week' };

// Draw how much went through, of a peer or all, and do it again as it goes on.
function drawCurve(figure, peer) {
	const pick = el('select', { 'aria-label': 'Time' }, ...Object.entries(spans).map(([k, v]) => el('option', { value: k }, v)));
	const box = el('div'), most = el('span');
	figure.replaceChildren(box, el('figcaption', {}, el('span', { class: 'key' }, 'to ' + (peer ? 'it' : 'peers')),
	    el('span', { class: 'key up' }, 'from ' + (peer ? 'it' : 'peers')), most, pick));
	const draw = async () => {
		if (!figure.isConnected || !state.me || (peer && (!state.peer || state.peer.name !== peer)))
			return;
		const h = await ask('history?' + new URLSearchParams({ span: pick.value, peer: peer || '' })).catch(() => null);
		clearTimeout(figure.timer);
		figure.timer = setTimeout(draw, h ? Math.min(h.step, 60) * 1000 : 10000);
		if (!h || !figure.isConnected)
			return;
		const max = Math.max(...h.rx, ...h.tx, 1), n = h.rx.length - 1;
		const path = v => v.map((y, i) => (i ? 'L' : 'M') + (i * 300 / n).toFixed(1) + ' ' + (60 - y * 58 / max).toFixed(1)).join('');
		most.textContent = 'at most ' + rate(Math.max(...h.rx, ...h.tx));
		box.replaceChildren(svg('svg', { viewBox: '0 0 300 60', preserveAspectRatio: 'none', role: 'img',
		    'aria-label': 'Rates, ' + spans[pick.value] + ', ' + most.textContent },
		    svg('path', { class: 'down', d: path(h.tx) }), svg('path', { class: 'up', d: path(h.rx) })));
	};
	pick.addEventListener('change', draw);
	clearTimeout(figure.timer);
	draw();
}

// ---- one peer

async function openPeer(name, opener) {
	let p;
	try {
		p = await ask('peers/' + encodeURIComponent(name));
	} catch (err) {
		const row = state.rows.get(name);
		if (!row)
			return;
		p = row.peer;
	}
	state.peer = p;
	state.opener = opener;
	$('peer-name').textContent = p.name;
	const curve = el('figure', { class: 'curve' }), flows = el('div', { id: 'flows' });
	$('peer-body').replaceChildren(el('dl', { class: 'facts', id: 'facts' }), curve,
	    el('h3', {}, 'Flows'), flows, el('p', { id: 'peer-error', class: 'error', role: 'alert' }));
	if (admin() && p.managed && state.summary.editable)
		$('peer-body').append(...actions(p));
	else if (admin() && !p.managed)
		$('peer-body').append(el('p', { class: 'hint' }, 'This peer is in wgslirpd.conf, and is changed there.'));
	showFacts();
	if (!$('peer').open)
		$('peer').showModal();
	drawCurve(curve, p.state === 'disabled' ? null : p.name);
	if (p.state === 'disabled')
		curve.remove();
	showFlows();
}

function showFacts() {
	const p = state.peer, dl = $('facts');
	if (!dl)
		return;
	const facts = [['State', el('span', {}, el('span', { class: 'dot ' + p.state, 'aria-hidden': 'true' }), states[p.state])],
	    ['Last seen', p.latest_handshake ? when(p.latest_handshake) : 'never'], ['Comes from', p.endpoint || '–'],
	    ['Addresses', (p.allowed_ips || []).join(', ') || '–'],
	    ['To it', bytes(p.tx_bytes) + (p.tx_rate ? ', now ' + rate(p.tx_rate) : '')],
	    ['From it', bytes(p.rx_bytes) + (p.rx_rate ? ', now ' + rate(p.rx_rate) : '')]];
	if (p.rtt_us)
		facts.push(['Round trip', count.format(Math.round(p.rtt_us / 100) / 10) + ' ms']);
	if (p.quota)
		facts.push(['Quota', bytes(p.quota)]);
	if (p.expires)
		facts.push(['Ends', when(p.expires)]);
	if (p.public_key)
		facts.push(['Public key', el('code', {}, p.public_key)]);
	dl.replaceChildren(...facts.flatMap(([k, v]) => [el('dt', {}, k), el('dd', {}, v)]));
}

async function showFlows() {
	const p = state.peer, box = $('flows');
	if (!box || !p)
		return;
	const list = p.state === 'disabled' ? { flows: [] } :
	    await ask('flows?' + new URLSearchParams({ peer: p.name })).catch(() => null);
	if (!list || state.peer !== p || !box.isConnected)
		return;
	if (list.flows.length === 0) {
		box.replaceChildren(el('p', { class: 'hint' }, 'None at the moment.'));
		return;
	}
	list.flows.sort((a, b) => b.rx_bytes + b.tx_bytes - a.rx_bytes - a.tx_bytes);
	const head = ['To', 'By', 'Bytes', 'For'].map(t => el('th', { scope: 'col', class: t === 'Bytes' ? 'num' : null }, t));
	if (admin())
		head.push(el('th', { scope: 'col' }, el('span', { class: 'out' }, 'End it')));
	const rows = list.flows.slice(0, 200).map(f => el('tr', {}, el('td', {}, f.destination),
	    el('td', {}, f.proto + (f.way ? ', ' + f.way : '')), el('td', { class: 'num' }, bytes(f.rx_bytes + f.tx_bytes)),
	    el('td', {}, ago(Date.now() / 1000 - f.age)),
	    admin() ? el('td', {}, el('button', { class: 'quiet danger', 'aria-label': 'End the flow to ' + f.destination,
	        onclick: () => act(() => ask('flows/' + f.id, 'DELETE').then(showFlows)) }, 'End')) : null));
	box.replaceChildren(el('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Flows' },
	    el('table', {}, el('thead', {}, el('tr', {}, ...head)), el('tbody', {}, ...rows))),
	    el('p', { class: 'hint' }, list.more || list.flows.length > 200 ? 'There are more.' : ''));
}

// Something that may fail, and then says why.
async function act(fn) {
	const error = $('peer-error');
	error.textContent = '';
	try {
		await fn();
	} catch (err) {
		error.textContent = err.message;
	}
}

function day(seconds) {
	return seconds ? new Date(seconds * 1000).toISOString().slice(0, 10) : '';
}

// A number of bytes as it is written in a configuration, exactly.
function written(n) {
	for (const [unit, size] of [['T', 1e12], ['G', 1e9], ['M', 1e6], ['K', 1e3]])
		if (n % size === 0)
			return n / size + unit;
	return String(n);
}

function actions(p) {
	const path = 'peers/' + encodeURIComponent(p.name);
	const change = form => ask(path, 'POST', form);
	const expires = el('input', { id: 'set-expires', type: 'date', value: day(p.expires) });
	const quota = el('input', { id: 'set-quota', placeholder: 'any; 10G', value: p.quota ? written(p.quota) : '' });
	const rates = el('input', { id: 'set-rate', placeholder: 'as it is; 10M, or none' });
	const name = el('input', { id: 'set-name', value: p.name, maxlength: 63, pattern: '[A-Za-z0-9_][A-Za-z0-9._\\-]*', required: true });
	const form = el('form', { onsubmit: e => {
		e.preventDefault();
		act(async () => {
			// what was not touched stays as it is, to the second
			const f = { action: 'set' };
			if (expires.value !== expires.defaultValue)
				f.expires = expires.value ? expires.value + 'T23:59:59Z' : 'never';
			if (quota.value !== quota.defaultValue)
				f.quota = quota.value.trim() || 'none';
			if (rates.value.trim() !== '')
				f.rate_in = f.rate_out = rates.value.trim();
			await change(f);
			await again(p.name);
		});
	} }, el('h3', {}, 'Limits'), el('div', { class: 'row' },
	    el('div', {}, el('label', { for: 'set-expires' }, 'Ends on'), expires),
	    el('div', {}, el('label', { for: 'set-quota' }, 'Bytes in all'), quota),
	    el('div', {}, el('label', { for: 'set-rate' }, 'Bits a second'), rates)),
	    el('button', {}, 'Set limits'));
	const rename = el('form', { onsubmit: e => {
		e.preventDefault();
		act(async () => { await change({ action: 'rename', to: name.value }); await again(name.value); });
	} }, el('h3', {}, 'Name'), el('label', { for: 'set-name' }, 'Another name'), name, ' ', el('div', { class: 'row' }, el('button', {}, 'Rename')));
	const off = p.state === 'disabled';
	const ends = el('div', { class: 'row' },
	    el('button', { id: 'toggle', onclick: () => act(async () => {
		await change({ action: off ? 'enable' : 'disable' });
		await again(p.name);
	    }) }, off ? 'Enable' : 'Disable'),
	    el('button', { id: 'delete', class: 'danger', onclick: e => {
		// a second press means it
		if (!e.currentTarget.dataset.sure) {
			e.currentTarget.dataset.sure = '1';
			e.currentTarget.textContent = 'Delete it for good';
			return;
		}
		act(async () => { await ask(path, 'DELETE'); $('peer').close(); await settle(); });
	    } }, 'Delete'));
	const more = el('details', {}, el('summary', {}, 'Change it'), form, rename);
	return off ? [rename, ends] : [more, ends];
}

// The gateway takes a moment to see what has changed.
async function settle() {
	await new Promise(done => setTimeout(done, 300));
	await refresh();
}

async function again(name) {
	await settle();
	if ($('peer').open)
		await openPeer(name, state.opener);
}

setInterval(() => { if ($('peer').open && !document.hidden) showFlows(); }, 5000);
$('peer').addEventListener('close', () => {
	state.peer = null;
	const row = state.opener && state.rows.get(state.opener.textContent);
	if (row)
		row.tr.querySelector('.link').focus();
});

// ---- a new one

$('add').addEventListener('click', () => {
	$('new-form').reset();
	$('new-form').hidden = false;
	$('made').hidden = true;
	$('new-error').textContent = '';
	$('new-host').value = location.hostname;
	$('new').showModal();
	$('new-name').focus();
});

function isoDay(days) {
	return new Date(Date.now() + days * 86400000).toISOString().slice(0, 19) + 'Z';
}

$('new-form').addEventListener('submit', async e => {
	e.preventDefault();
	const f = new FormData(e.target), form = { name: f.get('name') };
	if (f.get('expires'))
		form.expires = isoDay(Number(f.get('expires')));
	if (f.get('quota'))
		form.quota = f.get('quota');
	if (f.get('rate'))
		form.rate_in = form.rate_out = f.get('rate');
	if (!$('new-host-field').hidden)
		form.host = f.get('host').trim().replace(/^\[|\]$/g, '');
	$('new-error').textContent = '';
	const button = e.target.querySelector('button.primary');
	button.disabled = true;
	try {
		showMade(await ask('peers', 'POST', form));
		settle();
	} catch (err) {
		$('new-error').textContent = err.message;
	}
	button.disabled = false;
});

function showMade(m) {
	$('new-form').hidden = true;
	$('made').hidden = false;
	$('made-title').textContent = m.name;
	$('made-state').textContent = 'Waiting for it to connect.';
	state.waiting = m.name;
	$('config').textContent = m.config;
	$('download').href = URL.createObjectURL(new Blob([m.config], { type: 'text/plain' }));
	$('download').download = m.name + '.conf';
	const n = m.qr ? m.qr.length : 0;
	let d = '';
	for (let y = 0; y < n; y++)
		for (let x = 0; x < n; x++)
			if (m.qr[y][x] === '1')
				d += 'M' + x + ' ' + y + 'h1v1h-1z';
	$('qr').replaceChildren(n ? svg('svg', { viewBox: '-2 -2 ' + (n + 4) + ' ' + (n + 4), role: 'img', 'shape-rendering': 'crispEdges',
	    'aria-label': 'QR code of the configuration' }, svg('path', { d })) : '');
	$('download').focus();
}

$('copy').addEventListener('click', async () => {
	try {
		await navigator.clipboard.writeText($('config').textContent);
		$('copy').textContent = 'Copied';
	} catch (err) {
		document.querySelector('#made details').open = true;
		getSelection().selectAllChildren($('config'));
	}
	setTimeout(() => { $('copy').textContent = 'Copy'; }, 2000);
});

// What was shown once is gone then.
$('new').addEventListener('close', () => {
	if ($('download').href)
		URL.revokeObjectURL($('download').href);
	$('download').removeAttribute('href');
	$('config').textContent = '';
	$('qr').replaceChildren();
	state.waiting = null;
});
for (const b of document.querySelectorAll('[data-close]'))
	b.addEventListener('click', () => b.closest('dialog').close());

// ---- the other sections

function table(heads, rows, empty) {
	if (rows.length === 0)
		return el('p', { class: 'empty' }, empty);
	return el('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'List' }, el('table', {},
	    el('thead', {}, el('tr', {}, ...heads.map(h => el('th', { scope: 'col' }, h)))),
	    el('tbody', {}, ...rows.map(r => el('tr', {}, ...r.map(c => el('td', {}, c)))))));
}

const eventRow = e => [when(e.when / 1000), e.kind, e.peer || '–', e.text];
let events = [], drawing = null;
function addEvent(e) {
	events.unshift(e);
	events.length = Math.min(events.length, 200);
	// many may come at once
	if (!drawing)
		drawing = setTimeout(() => { drawing = null; if (state.tab === 'events') showTab('events', events); }, 500);
}

const tabs = {
	rules: { get: async () => (await ask('rules')).rules, show: v => table(['', 'Rule', 'Has decided'],
	    v.map(r => [String(r.number), el('code', {}, r.rule), count.format(r.matches)]),
	    'There are no rules: guests may go everywhere but to this host and what is built in. See "Rules" in wgslirpd.conf(5).') },
	names: { get: async () => (await ask('names')).names, show: v => table(['Name', 'Address'], v.map(n => [n.name, n.address]),
	    'The gateway answers no names: "dns listen" in wgslirpd.conf(5) begins with it.') },
	events: { get: async () => (events = (await ask('events')).events), show: v => table(['When', 'What', 'Peer', ''],
	    v.map(eventRow), 'Nothing has happened yet.') },
	health: { get: async () => (await ask('processes')).processes, show: v => table(['Process', 'Id', 'System calls', 'Files'],
	    v.map(p => [p.title, String(p.pid), p.seccomp ? 'filtered' : 'not filtered',
	    p.landlock ? 'Landlock ' + p.landlock : 'no Landlock']), '') }
};

function showTab(name, v) {
	document.querySelector('#tab-' + name + ' .body').replaceChildren(tabs[name].show(v));
}

async function openTab(name) {
	state.tab = name;
	for (const b of $('nav').children) {
		if (b.dataset.tab === name)
			b.setAttribute('aria-current', 'page');
		else
			b.removeAttribute('aria-current');
		$('tab-' + b.dataset.tab).hidden = b.dataset.tab !== name;
	}
	if (!tabs[name])
		return;
	try {
		showTab(name, await tabs[name].get());
	} catch (err) {
		document.querySelector('#tab-' + name + ' .body').replaceChildren(el('p', { class: 'error' }, err.message));
	}
}

for (const b of $('nav').children)
	b.addEventListener('click', () => openTab(b.dataset.tab));

// Who is known already does not log in again.
ask('session').then(me => { state.me = me; showApp(); }, showLogin);
