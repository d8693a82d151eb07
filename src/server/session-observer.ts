/** What a session tells whoever counts it. */
export interface SessionObserver {
  onAuthenticated(): void;
  onClosed(): void;
}
