import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

import { asksForToken } from './data/api.ts';
import { linkTo, route } from './data/route.ts';
import { AlertCount } from './parts/alert-count.tsx';
import { InForce } from './parts/in-force.tsx';
import { TokenForm } from './parts/token-form.tsx';
import { AnswersScreen } from './screens/answers.tsx';
import { KeepAliveScreen } from './screens/keep-alive.tsx';
import { MissesScreen } from './screens/misses.tsx';
import { PlanScreen } from './screens/plan.tsx';
import { RequestsScreen } from './screens/requests.tsx';
import { SavingScreen } from './screens/saving.tsx';
import { TtlsScreen } from './screens/ttls.tsx';
import { WatchScreen } from './screens/watch.tsx';

interface Screen {
  readonly name: string;
  readonly label: string;
  /** The question that it answers. */
  readonly question: string;
  readonly Content: () => JSX.Element;
  /** Stands beside its name. */
  readonly Beside?: () => JSX.Element | null;
}

const SCREENS: readonly [Screen, ...Screen[]] = [
  { name: 'saving', label: 'Saving', question: 'Am I saving?', Content: SavingScreen },
  { name: 'misses', label: 'Misses', question: 'Why do misses happen?', Content: MissesScreen },
  { name: 'plan', label: 'Plan', question: 'What is my plan?', Content: PlanScreen },
  { name: 'keep-alive', label: 'Keep-alive', question: 'Does keep-alive pay?', Content: KeepAliveScreen },
  { name: 'ttls', label: 'TTLs', question: 'Do TTLs fit?', Content: TtlsScreen },
  {
    name: 'answers',
    label: 'Exact answers',
    question: 'What do exact answers save?',
    Content: AnswersScreen,
  },
  {
    name: 'watch',
    label: 'Alerts',
    question: 'Is anything wrong?',
    Content: WatchScreen,
    Beside: AlertCount,
  },
  { name: 'requests', label: 'Requests', question: 'What was asked?', Content: RequestsScreen },
];

function Navigation({ current }: { readonly current: Screen }): JSX.Element {
  return (
    <nav aria-label="Questions">
      <ul>
        {SCREENS.map((screen) => (
          <li key={screen.name}>
            <a href={linkTo(screen.name)} {...(screen === current && { 'aria-current': 'page' as const })}>
              {screen.label}
              {screen.Beside && asksForToken.value === 'no' && <screen.Beside />}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** The page: one question at a time. */
export function App(): JSX.Element {
  const screen = SCREENS.find(({ name }) => name === route.value.screen) ?? SCREENS[0];
  const heading = useRef<HTMLHeadingElement>(null);
  const isFirstRef = useRef(true);
  useEffect(() => {
    document.title = `${screen.question} Cachewright`;
    // Whoever came by keyboard goes on from the heading of what they asked for.
    if (!isFirstRef.current) heading.current?.focus();
    isFirstRef.current = false;
  }, [screen]);
  return (
    <div class="frame">
      <header>
        <a
          class="skip"
          href="#content"
          onClick={(event) => {
            event.preventDefault();
            heading.current?.focus();
          }}
        >
          Skip to the content
        </a>
        <p class="brand">Cachewright</p>
        <Navigation current={screen} />
        {asksForToken.value === 'no' && <InForce />}
      </header>
      <main id="content">
        <h1 ref={heading} tabIndex={-1}>
          {screen.question}
        </h1>
        {asksForToken.value === 'no' ? <screen.Content key={screen.name} /> : <TokenForm />}
      </main>
    </div>
  );
}
