// The page's words in English. Every other language has the same table, and the compiler sees to it.
import { alerting } from './alerting.en.ts'
import { labelling } from './labelling.en.ts'
import type { Unit } from '../state/time.ts'
import { codes } from './codes.en.ts'
import { searchWords } from './search.en.ts'

const AGO: Record<Unit, string> = { second: 's', minute: 'min', hour: 'h', day: 'd' }

export const en = {
  language: 'English',
  views: { watch: 'Watch', search: 'Search', annotate: 'Annotate', rules: 'Rules', system: 'System' },
  skip: 'Go to the content',
  labelling,
  alerting,
  ago: (count: number, unit: Unit) => (unit === 'second' ? 'now' : `${count} ${AGO[unit]} ago`),
  utc: 'UTC',
  theme: 'Change between light and dark',
  signOut: 'Sign out',
  live: { connecting: 'Connecting', live: 'Live', broken: 'Not live: trying again', history: 'Past window' },
  severity: { minor: 'Minor', moderate: 'Moderate', severe: 'Severe', extreme: 'Extreme' },
  state: { suspected: 'Suspected', opened: 'Open', growing: 'Growing', easing: 'Easing', closed: 'Closed' },
  attention: {
    nobody: 'Not taken',
    acknowledged: 'Acknowledged',
    handed_over: 'Handed over',
    muted: 'Silenced',
    false_alarm: 'False alarm'
  },
  attentionBy: (what: string, who: string) => `${what} by ${who}`,
  kind: {
    flood: 'Flood',
    storm: 'Storm',
    wildfire: 'Wildfire',
    earthquake: 'Earthquake',
    landslide: 'Landslide'
  } as Record<string, string>,
  refusal: {
    offline: 'The server cannot be reached. Check the connection: the page tries again by itself.',
    slow: 'The server did not answer in time. Try again.',
    'signed out': 'Your session has ended. Sign in again.',
    'not allowed': 'Your key may not do this. Ask whoever runs the server for a key with the right scope.',
    'not found': 'There is no such thing any more.',
    faulty: 'The server did not understand this.',
    busy: 'The server is not ready. The page tries again by itself.',
    server: 'The server failed. Its log has the reason.'
  },
  tryAgain: 'Try again',
  loading: 'Loading',
  close: 'Close',
  signIn: {
    title: 'Sign in',
    key: 'API key',
    why: 'This server asks for a key. Whoever runs it makes one with “stormpetrel keys add”.',
    button: 'Sign in',
    checking: 'Checking',
    wrong: 'This key is not known here. Check that you have copied all of it.'
  },
  watch: {
    incidents: 'Incidents',
    count: (shown: number, open: number) => `${shown} shown, ${open} open`,
    none: 'No incident in this window.',
    noneFiltered: 'No incident meets the filters.',
    newest: 'Go to the newest one',
    clearFilters: 'Clear the filters',
    filters: 'Filters',
    minConfidence: 'Confidence from',
    window: 'Window',
    until: 'Until',
    now: 'Now',
    backToNow: 'Back to now',
    play: 'Play',
    pause: 'Pause',
    speed: 'Speed of the playback',
    postsCounted: (count: string, isCut: boolean) => `${count} posts counted${isCut ? ', in the fullest hexagons' : ''}`,
    legend: 'Posts in a hexagon, from',
    standsNow: 'The panel shows how it stands now; the list shows how it stood then.',
    map: 'Map of incidents and posts. The list beside it has the same incidents.',
    postsShown: (count: number, more: boolean) => `${count} posts on the map${more ? ', the newest' : ''}`,
    confidence: (share: string) => `${share} sure`,
    reports: (posts: number, authors: number) => `${posts} posts, ${authors} authors`,
    unseen: 'changed since you last looked',
    zoomIn: 'Zoom in',
    zoomOut: 'Zoom out'
  },
  incident: {
    reason: 'Newest change',
    rate: 'Rate',
    rateLine: (observed: string, expected: string) => `${observed} posts an hour; ${expected} are usual`,
    observed: 'observed',
    expected: 'usual',
    first: 'First post',
    last: 'Last post',
    nextPass: 'Next satellite pass',
    confidence: 'Confidence',
    byPosts: (share: string) => `by posts alone ${share}`,
    severityReasons: 'What the severity rests on',
    posts: 'Posts',
    noPosts: 'No post is left to show.',
    radar: 'Radar',
    noRadar: 'No image has landed yet.',
    radarLine: (verdict: string, km2: string, seen: string) => `${verdict}: ${km2} km² of new water, ${seen} of the area seen`,
    verdict: { confirmed: 'Confirmed', refuted: 'Refuted', unclear: 'Unclear' } as Record<string, string>,
    patch: { s1: 'Radar', change: 'Change' },
    told: 'Who was told',
    nobodyTold: 'Nobody yet.',
    outcome: { sending: 'being sent', sent: 'told', failed: 'failed', muted: 'kept back' } as Record<string, string>,
    history: 'History',
    report: 'Page to print',
    members: (count: number) => (count === 1 ? 'said once' : `said ${count} times`),
    relevance: (share: string) => `relevance ${share}`,
    seenBefore: (day: string) => `photo seen before, on ${day}`
  },
  act: {
    title: 'Actions',
    acknowledge: 'Acknowledge',
    handOver: 'Hand over',
    silence: 'Silence',
    falseAlarm: 'False alarm',
    unmute: 'End the silence',
    note: 'Why (others read it)',
    to: 'To whom',
    forHowLong: 'For how long',
    untilClosed: 'Until it is closed',
    send: 'Confirm',
    cancel: 'Cancel',
    done: { acknowledged: 'acknowledged it', handed_over: 'handed it over', muted: 'silenced it', unmuted: 'ended the silence', false_alarm: 'called it a false alarm', noted: 'noted' },
    keys: 'Keys: J and K choose, A acknowledge, H hand over, S silence, F false alarm, P play, Esc close, / search'
  },
  ...codes,
  photo: { show: 'Show the photo', hide: 'Blur the photo', alt: 'A photo of this post', gone: 'The photo is gone' },
  ...searchWords,
  post: {
    title: 'Post',
    whole: 'Show all of it',
    places: 'Places',
    noPlaces: 'It names no place that is known.',
    repeats: 'Posts that repeat it',
    source: 'Source',
    address: 'Address (the page does not follow it)',
    copy: 'Copy',
    copied: 'Copied',
    inSearch: 'Search posts like this',
    photoInSearch: 'Find posts with photos like this'
  },
  system: {
    title: 'System',
    ready: 'Ready',
    notReady: 'Not ready',
    lag: 'Not worked on yet, by topic',
    noLag: 'This process follows everything.',
    deadLetters: 'Dead letters, by topic',
    noDead: 'There are none.',
    operate: 'Dead letters need a key with the scope “operate”.',
    process: 'These are the figures of the API process that answers. The other processes have their own at /metrics.',
    records: (count: number) => `${count} records`
  }
}

export type Words = typeof en
