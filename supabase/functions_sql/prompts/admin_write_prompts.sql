-- admin_write_prompts(p_prompts, p_source, p_reason, p_idempotency_key, p_asked, p_dry_run) -> jsonb      called by: backend/rpc/prompts.py as an admin
-- Creates or changes prompts, all or none: see prompt_change_json. An item has a key and what shall change; what it leaves out stays. Another
-- text, or another category, is a new version; anything else is not. expected_version refuses when somebody was quicker (0: there shall be none).
-- p_asked: what was asked for, where p_prompts was found by it and may be found otherwise, or none, when that is asked for again (null: p_prompts).
-- p_source: edit, import or optimize. version and updated_at of an item are ignored, so that what admin_list_prompts answers can be sent back.
-- Lock order: prompts, audit log.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403 · invalid_params 422 · idempotency_key_reused 409 · invalid_params 422 ·
--   prompt_not_found 404 · invalid_state 409
drop function if exists public.admin_write_prompts(jsonb, text, text, text, boolean);
drop function if exists private.admin_write_prompts(jsonb, text, text, text, boolean);
create or replace function private.act_write_prompts(p_subject_id text, p_request jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_key text := p_request ->> 'idempotency_key';
  v_digest bytea := private.request_digest('admin_write_prompts',
    p_request - case when p_request ? 'asked' then '{idempotency_key,prompts}' else '{idempotency_key}' end::text[]);
  v_prompts jsonb;
  v_before jsonb;
  c private.prompt_changes;
begin
  perform private.check_reason(p_request ->> 'reason');
  perform private.check_idempotency_key(v_key);
  if coalesce(p_request ->> 'source' not in ('edit', 'import', 'optimize'), true) then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "source"}',
      hint = 'source is edit, import or optimize.';
  end if;
  lock table private.system_prompts in share row exclusive mode; -- one writer at a time; generations go on reading
  select * into c from private.prompt_changes x where x.created_by = auth.uid() and x.idempotency_key = v_key;
  if c.request_digest <> v_digest then
    perform private.refuse_reused_key(v_key, jsonb_build_object('change_id', c.id));
  elsif c.id is not null then
    return jsonb_build_object('answer', private.prompt_change_json(c), 'repeated', true);
  elsif p_request ? 'asked' and p_request -> 'prompts' = '[]' then
    c.source := p_request ->> 'source';
    c.items := '[]';
    return jsonb_build_object('answer', private.prompt_change_json(c), 'repeated', true);
  end if;
  v_prompts := private.complete_prompts(p_request -> 'prompts');
  select jsonb_agg(jsonb_build_object('key', p ->> 'key', 'before', private.prompt_state(p ->> 'key'))) into v_before
  from jsonb_array_elements(v_prompts) p;
  insert into private.prompt_changes (source, reason, items, idempotency_key, request_digest, created_by, created_at)
  values (p_request ->> 'source', btrim(p_request ->> 'reason'), '[]', v_key, v_digest, auth.uid(), private.clock())
  returning * into c;
  perform private.store_prompts(c, v_prompts);
  return private.note_prompt_change(c, v_before);
end
$$;

create or replace function private.admin_write_prompts(
  p_prompts jsonb, p_source text, p_reason text, p_idempotency_key text, p_asked jsonb, p_dry_run boolean)
returns jsonb
language sql
security definer
set search_path = ''
as $$
  select private.run_act('admin', 'write_prompts', 'prompts', null, jsonb_build_object('prompts', p_prompts, 'source', p_source,
    'reason', p_reason, 'idempotency_key', p_idempotency_key)
    || case when p_asked is null then '{}' else jsonb_build_object('asked', p_asked) end, p_dry_run);
$$;

create or replace function public.admin_write_prompts(
  p_prompts jsonb, p_source text, p_reason text, p_idempotency_key text, p_asked jsonb default null, p_dry_run boolean default false)
returns jsonb
language sql
set search_path = ''
as $$
  select private.admin_write_prompts(p_prompts, p_source, p_reason, p_idempotency_key, p_asked, p_dry_run);
$$;

revoke all on function private.act_write_prompts(text, jsonb), private.admin_write_prompts(jsonb, text, text, text, jsonb, boolean),
  public.admin_write_prompts(jsonb, text, text, text, jsonb, boolean) from public, anon, authenticated, service_role;
grant execute on function private.admin_write_prompts(jsonb, text, text, text, jsonb, boolean),
  public.admin_write_prompts(jsonb, text, text, text, jsonb, boolean) to authenticated;
