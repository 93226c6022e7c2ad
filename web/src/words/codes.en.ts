// What the API says by codes, in English.

export const codes = {
  change: {
    first: (posts: number, observed: string, usual: string) => `${posts} reports; ${observed} posts an hour, ${usual} are usual`,
    opened: (posts: number, sure: string) => `${posts} reports, ${sure} sure`,
    reopened: (posts: number, sure: string) => `spoken of again: ${posts} reports, ${sure} sure`,
    grew: (posts: number) => `more reports: ${posts} by now`,
    eased: 'fewer reports than before',
    closed: 'no report for long',
    mergedInto: (other: string) => `it is a part of ${other}`,
    mergedFrom: (other: string) => `${other} is a part of it`,
    split: (other: string) => `it was a part of ${other}`,
    confidence: (sure: string) => `the reports have changed how sure it is: ${sure}`,
    recycled: (count: number) => `photos of ${count} posts are of an earlier event`,
    severity: (severity: string) => `posts tell of worse: ${severity}`,
    evidence: 'other posts stand for it'
  },
  rule: {
    'many dead': 'many dead',
    dead: 'dead',
    trapped: 'people trapped',
    collapsed: 'something collapsed',
    'water level': 'water level',
    evacuated: 'people evacuated',
    'roads closed': 'roads closed',
    'no power': 'no power'
  } as Record<string, string>,
  toldReason: {
    first: 'first message',
    new_in_group: 'new in its group',
    worse: 'worse',
    confirmed: 'confirmed by radar',
    refuted: 'refuted by radar',
    all_clear: 'all clear',
    repeat: 'told again'
  } as Record<string, string>,
  mute: {
    silence: 'a silence',
    action: 'silenced by a person',
    inhibition: 'explained by another incident',
    quiet_hours: 'quiet hours',
    rate_limit: 'too many messages',
    false_alarm: 'a false alarm',
    rule_deleted: 'its rule was deleted',
    receiver_missing: 'no receiver of this name'
  } as Record<string, string>,
  standing: {
    nothing_new: 'knows all of it',
    false_alarm: 'called a false alarm before it was told',
    waits_for_message: 'waits for an earlier message to be taken',
    muted: 'kept back',
    waits_for_interval: 'waits for the interval of its group',
    no_rule_now: 'was told; no rule tells now',
    not_meant: 'its rule does not mean this incident',
    closed: 'the incident is closed',
    no_receiver: 'its rule has no receiver for this incident'
  } as Record<string, string>
}

export type CodeWords = typeof codes
