// Le parole della pagina in italiano.
import { alerting } from './alerting.it.ts'
import { labelling } from './labelling.it.ts'
import type { Words } from './en.ts'
import type { Unit } from '../state/time.ts'
import { codes } from './codes.it.ts'
import { searchWords } from './search.it.ts'

const AGO: Record<Unit, string> = { second: 's', minute: 'min', hour: 'h', day: 'g' }

export const it: Words = {
  language: 'Italiano',
  views: { watch: 'Sorveglianza', search: 'Ricerca', annotate: 'Annotazione', rules: 'Regole', system: 'Sistema' },
  skip: 'Vai al contenuto',
  labelling,
  alerting,
  ago: (count, unit) => (unit === 'second' ? 'adesso' : `${count} ${AGO[unit]} fa`),
  utc: 'UTC',
  theme: 'Passa dal chiaro allo scuro o indietro',
  signOut: 'Esci',
  live: { connecting: 'Connessione', live: 'In diretta', broken: 'Non in diretta: riprovo', history: 'Finestra passata' },
  severity: { minor: 'Lieve', moderate: 'Moderata', severe: 'Grave', extreme: 'Estrema' },
  state: { suspected: 'Sospetto', opened: 'Aperto', growing: 'In crescita', easing: 'In calo', closed: 'Chiuso' },
  attention: {
    nobody: 'Da prendere',
    acknowledged: 'Preso in carico',
    handed_over: 'Passato',
    muted: 'Silenziato',
    false_alarm: 'Falso allarme'
  },
  attentionBy: (what, who) => `${what} da ${who}`,
  kind: {
    flood: 'Alluvione',
    storm: 'Tempesta',
    wildfire: 'Incendio',
    earthquake: 'Terremoto',
    landslide: 'Frana'
  },
  refusal: {
    offline: 'Il server non è raggiungibile. Controlla la connessione: la pagina riprova da sola.',
    slow: 'Il server non ha risposto in tempo. Riprova.',
    'signed out': 'La sessione è scaduta. Accedi di nuovo.',
    'not allowed': 'La tua chiave non lo permette. Chiedi a chi gestisce il server una chiave con il permesso giusto.',
    'not found': 'Non esiste più.',
    faulty: 'Il server non ha capito la richiesta.',
    busy: 'Il server non è pronto. La pagina riprova da sola.',
    server: 'Il server ha avuto un guasto. Il motivo è nel suo registro.'
  },
  tryAgain: 'Riprova',
  loading: 'Caricamento',
  close: 'Chiudi',
  signIn: {
    title: 'Accesso',
    key: 'Chiave API',
    why: 'Questo server chiede una chiave. Chi lo gestisce ne crea una con «stormpetrel keys add».',
    button: 'Accedi',
    checking: 'Controllo',
    wrong: 'Questa chiave non è conosciuta. Controlla di averla copiata tutta.'
  },
  watch: {
    incidents: 'Eventi',
    count: (shown, open) => `${shown} mostrati, ${open} aperti`,
    none: 'Nessun evento in questa finestra.',
    noneFiltered: 'Nessun evento corrisponde ai filtri.',
    newest: 'Vai al più recente',
    clearFilters: 'Togli i filtri',
    filters: 'Filtri',
    minConfidence: 'Confidenza da',
    window: 'Finestra',
    until: 'Fino a',
    now: 'Adesso',
    backToNow: 'Torna ad adesso',
    play: 'Riproduci',
    pause: 'Pausa',
    speed: 'Velocità della riproduzione',
    postsCounted: (count, isCut) => `${count} messaggi contati${isCut ? ', negli esagoni più pieni' : ''}`,
    legend: 'Messaggi in un esagono, da',
    standsNow: 'Il riquadro mostra com’è adesso; l’elenco mostra com’era allora.',
    map: 'Mappa di eventi e messaggi. La lista accanto mostra gli stessi eventi.',
    postsShown: (count, more) => `${count} messaggi sulla mappa${more ? ', i più recenti' : ''}`,
    confidence: share => `certo al ${share}`,
    reports: (posts, authors) => `${posts} messaggi, ${authors} autori`,
    unseen: 'cambiato da quando hai guardato',
    zoomIn: 'Ingrandisci',
    zoomOut: 'Riduci'
  },
  incident: {
    reason: 'Ultimo cambiamento',
    rate: 'Ritmo',
    rateLine: (observed, expected) => `${observed} messaggi all’ora; di solito ${expected}`,
    observed: 'osservato',
    expected: 'consueto',
    first: 'Primo messaggio',
    last: 'Ultimo messaggio',
    nextPass: 'Prossimo passaggio del satellite',
    confidence: 'Confidenza',
    byPosts: share => `dai soli messaggi ${share}`,
    severityReasons: 'Da dove viene la gravità',
    posts: 'Messaggi',
    noPosts: 'Non è rimasto nessun messaggio.',
    radar: 'Radar',
    noRadar: 'Non è ancora arrivata nessuna immagine.',
    radarLine: (verdict, km2, seen) => `${verdict}: ${km2} km² di acqua nuova, visto ${seen} dell’area`,
    verdict: { confirmed: 'Confermato', refuted: 'Smentito', unclear: 'Incerto' },
    patch: { s1: 'Radar', change: 'Cambiamento' },
    told: 'Chi è stato avvisato',
    nobodyTold: 'Ancora nessuno.',
    outcome: { sending: 'in invio', sent: 'avvisato', failed: 'non riuscito', muted: 'trattenuto' },
    history: 'Cronologia',
    report: 'Pagina da stampare',
    members: count => (count === 1 ? 'detto una volta' : `detto ${count} volte`),
    relevance: share => `pertinenza ${share}`,
    seenBefore: day => `foto già vista il ${day}`
  },
  act: {
    title: 'Azioni',
    acknowledge: 'Prendi in carico',
    handOver: 'Passa ad altri',
    silence: 'Silenzia',
    falseAlarm: 'Falso allarme',
    unmute: 'Togli il silenzio',
    note: 'Perché (lo leggono gli altri)',
    to: 'A chi',
    forHowLong: 'Per quanto tempo',
    untilClosed: 'Fino alla chiusura',
    send: 'Conferma',
    cancel: 'Annulla',
    done: {
      acknowledged: 'l’ha preso in carico',
      handed_over: 'l’ha passato',
      muted: 'l’ha silenziato',
      unmuted: 'ha tolto il silenzio',
      false_alarm: 'l’ha dichiarato falso allarme',
      noted: 'ha annotato'
    },
    keys: 'Tasti: J e K scelgono, A prendi in carico, H passa, S silenzia, F falso allarme, P riproduci, Esc chiudi, / ricerca'
  },
  ...codes,
  photo: { show: 'Mostra la foto', hide: 'Sfoca la foto', alt: 'Una foto di questo messaggio', gone: 'La foto non c’è più' },
  ...searchWords,
  post: {
    title: 'Messaggio',
    whole: 'Mostra tutto',
    places: 'Luoghi',
    noPlaces: 'Non nomina nessun luogo conosciuto.',
    repeats: 'Messaggi che lo ripetono',
    source: 'Fonte',
    address: 'Indirizzo (la pagina non lo segue)',
    copy: 'Copia',
    copied: 'Copiato',
    inSearch: 'Cerca messaggi simili',
    photoInSearch: 'Trova messaggi con foto simili'
  },
  system: {
    title: 'Sistema',
    ready: 'Pronto',
    notReady: 'Non pronto',
    lag: 'Non ancora elaborati, per argomento',
    noLag: 'Questo processo è al passo con tutto.',
    deadLetters: 'Messaggi scartati, per argomento',
    noDead: 'Non ce ne sono.',
    operate: 'Per i messaggi scartati serve una chiave con il permesso «operate».',
    process: 'Sono i valori del processo API che risponde. Gli altri processi hanno i propri in /metrics.',
    records: count => `${count} record`
  }
}
