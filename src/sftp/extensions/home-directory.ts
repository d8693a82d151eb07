// home-directory "1" (draft-ietf-secsh-filexfer-extensions-00 §5): where a user starts.
//
//   byte SSH_FXP_EXTENDED, uint32 id, string "home-directory", string username
//
// An empty name is the session's own user. Answered with NAME: one path.
import { readText, type ExtensionRow } from '../request.ts';
import { onePath } from '../requests/path-requests.ts';
import { homeOf } from './expand-path.ts';

export const homeDirectory: ExtensionRow = {
  packet: 'plain',
  extensionName: 'home-directory',
  revision: '1',
  name: 'home-directory',
  permission: 'none',
  writes: false,
  available: () => true,
  prepare: (context, reader) => {
    const name = readText(reader);
    return { run: () => Promise.resolve(onePath(context.view.resolve(homeOf(name, context.view)))) };
  },
};
