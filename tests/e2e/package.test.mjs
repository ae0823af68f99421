// The npm package is found by those who look for one: node itself, and tools that use `resolve` (eslint-plugin-import, older
// bundlers), which does not read `exports`.
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {mkdtempSync, realpathSync, rmSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'node:test';
import {fileURLToPath, pathToFileURL} from 'node:url';
import resolve from 'resolve';

const source = fileURLToPath(new URL('../../include/hotline/browser', import.meta.url));

test('a project that installed it finds its module', async (t) => {
  const project = realpathSync(mkdtempSync(join(tmpdir(), 'hotline-package-')));
  t.after(() => rmSync(project, {recursive: true}));
  writeFileSync(join(project, 'package.json'), '{"name": "site", "private": true, "type": "module"}');
  execFileSync('npm', ['install', '--install-links', '--offline', '--no-audit', '--no-fund', source], {cwd: project, stdio: 'pipe'});
  const module = join(project, 'node_modules/hotline-client/hotline.js');

  assert.equal(resolve.sync('hotline-client', {basedir: project}), module);
  const require = createRequire(join(project, 'page.js'));
  assert.equal(require.resolve('hotline-client'), module);
  assert.equal(require('hotline-client/package.json').main, './hotline.js');
  writeFileSync(join(project, 'page.js'), 'export {connect} from "hotline-client";');
  assert.equal(typeof (await import(pathToFileURL(join(project, 'page.js')))).connect, 'function');
});
