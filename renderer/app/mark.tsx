const CORNERS = [
  [16, 7],
  [24, 11.5],
  [24, 20.5],
  [16, 25],
  [8, 20.5],
  [8, 11.5],
] as const;

/** The program's mark: six nodes around a bright one, as on the icon. Always beside its name, so hidden from screen readers. */
export const Mark = ({ size = 24 }: { size?: number }) => (
  <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
    <defs>
      <linearGradient id="mark-ground" x1="0" y1="0" x2="1" y2="1">
        <stop offset="0" stopColor="#1f6f8b" />
        <stop offset="1" stopColor="#12324a" />
      </linearGradient>
    </defs>
    <rect width="32" height="32" rx="8" fill="url(#mark-ground)" />
    <path
      d="M16 7 24 11.5v9L16 25l-8-4.5v-9ZM16 16V7m0 9 8 4.5M16 16l-8 4.5"
      stroke="#bfe9ef"
      strokeWidth="1.4"
      fill="none"
      strokeLinecap="round"
      strokeLinejoin="round"
    />
    {CORNERS.map(([x, y]) => (
      <circle key={`${x} ${y}`} cx={x} cy={y} r="2.4" fill="#eafcff" />
    ))}
    <circle cx="16" cy="16" r="3.8" fill="#f8b83f" />
  </svg>
);
