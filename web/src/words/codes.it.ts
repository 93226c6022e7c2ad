// Ciò che l’API dice con codici, in italiano.
import type { CodeWords } from './codes.en.ts'

export const codes: CodeWords = {
  change: {
    first: (posts, observed, usual) => `${posts} segnalazioni; ${observed} messaggi all’ora, di solito ${usual}`,
    opened: (posts, sure) => `${posts} segnalazioni, certo al ${sure}`,
    reopened: (posts, sure) => `se ne parla di nuovo: ${posts} segnalazioni, certo al ${sure}`,
    grew: posts => `più segnalazioni: ora ${posts}`,
    eased: 'meno segnalazioni di prima',
    closed: 'da tempo nessuna segnalazione',
    mergedInto: other => `fa parte di ${other}`,
    mergedFrom: other => `${other} ne fa parte`,
    split: other => `faceva parte di ${other}`,
    confidence: sure => `le segnalazioni hanno cambiato la certezza: ${sure}`,
    recycled: count => `le foto di ${count} messaggi sono di un evento precedente`,
    severity: severity => `i messaggi riferiscono di peggio: ${severity}`,
    evidence: 'lo rappresentano altri messaggi'
  },
  rule: {
    'many dead': 'molti morti',
    dead: 'morti',
    trapped: 'persone intrappolate',
    collapsed: 'qualcosa è crollato',
    'water level': 'livello dell’acqua',
    evacuated: 'persone evacuate',
    'roads closed': 'strade chiuse',
    'no power': 'senza corrente'
  },
  toldReason: {
    first: 'primo avviso',
    new_in_group: 'nuovo nel suo gruppo',
    worse: 'peggiorato',
    confirmed: 'confermato dal radar',
    refuted: 'smentito dal radar',
    all_clear: 'cessato allarme',
    repeat: 'avviso ripetuto'
  },
  mute: {
    silence: 'un silenzio',
    action: 'silenziato da una persona',
    inhibition: 'spiegato da un altro evento',
    quiet_hours: 'ore di quiete',
    rate_limit: 'troppi avvisi',
    false_alarm: 'un falso allarme',
    rule_deleted: 'la sua regola è stata eliminata',
    receiver_missing: 'nessun destinatario con questo nome'
  },
  standing: {
    nothing_new: 'sa già tutto',
    false_alarm: 'dichiarato falso allarme prima dell’avviso',
    waits_for_message: 'aspetta che un avviso precedente sia ricevuto',
    muted: 'trattenuto',
    waits_for_interval: 'aspetta l’intervallo del suo gruppo',
    no_rule_now: 'è stato avvisato; ora nessuna regola avvisa',
    not_meant: 'la sua regola non riguarda questo evento',
    closed: 'l’evento è chiuso',
    no_receiver: 'la sua regola non ha un destinatario per questo evento'
  }
}
