-- admin_activate_prompt(p_key, p_version, p_reason, p_expected_version, p_dry_run) -> jsonb      called by: backend/rpc/prompts.py as an admin
-- Makes a version of a prompt the one that is used, an older one too, and switches the prompt on: a change like those of admin_write_prompts.
-- p_expected_version: the version that is used now, as the admin saw it; null: whichever. It is so already: nothing is changed.
-- Lock order: prompts, audit log.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403 · invalid_params 422 · prompt_not_found 404 · invalid_state 409
create or replace function private.act_activate_prompt(p_subject_id text, p_request jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_before jsonb;
  c private.prompt_changes;
begin
  perform private.check_reason(p_request ->> 'reason');
  lock table private.system_prompts in share row exclusive mode; -- one writer at a time; generations go on reading
  v_before := private.prompt_state(p_subject_id);
  if v_before is null or not exists (
    select from private.system_prompt_versions v where v.key = p_subject_id and v.version = (p_request ->> 'version')::integer) then
    raise exception using errcode = 'PT404', message = 'prompt_not_found',
      detail = jsonb_build_object('key', p_subject_id, 'version', p_request -> 'version')::text, hint = 'There is no such version of a prompt.';
  elsif p_request -> 'expected_version' not in ('null', v_before -> 'active_version') then
    perform private.refuse_stale_prompts(array[p_subject_id]);
  end if;
  insert into private.prompt_changes (source, reason, items, created_by, created_at)
  values ('rollback', btrim(p_request ->> 'reason'), '[]', auth.uid(), private.clock())
  returning * into c;
  update private.system_prompts p set active_version = v.version, category = v.category, active = true, updated_at = c.created_at
  from private.system_prompt_versions v
  where p.key = p_subject_id and v.key = p.key and v.version = (p_request ->> 'version')::integer and (p.active_version <> v.version or not p.active);
  return private.note_prompt_change(c, jsonb_build_array(jsonb_build_object('key', p_subject_id, 'before', v_before)));
end
$$;

create or replace function private.admin_activate_prompt(
  p_key text, p_version integer, p_reason text, p_expected_version integer, p_dry_run boolean)
returns jsonb
language sql
security definer
set search_path = ''
as $$
  select private.run_act('admin', 'activate_prompt', 'prompt', p_key, jsonb_build_object('version', p_version, 'reason', p_reason,
    'expected_version', p_expected_version), p_dry_run);
$$;

create or replace function public.admin_activate_prompt(
  p_key text, p_version integer, p_reason text, p_expected_version integer default null, p_dry_run boolean default false)
returns jsonb
language sql
set search_path = ''
as $$
  select private.admin_activate_prompt(p_key, p_version, p_reason, p_expected_version, p_dry_run);
$$;

revoke all on function private.act_activate_prompt(text, jsonb), private.admin_activate_prompt(text, integer, text, integer, boolean),
  public.admin_activate_prompt(text, integer, text, integer, boolean) from public, anon, authenticated, service_role;
grant execute on function private.admin_activate_prompt(text, integer, text, integer, boolean),
  public.admin_activate_prompt(text, integer, text, integer, boolean) to authenticated;
