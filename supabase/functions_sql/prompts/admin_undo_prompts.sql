-- admin_undo_prompts(p_change_id, p_reason, p_dry_run) -> jsonb      called by: backend/rpc/prompts.py as an admin
-- Puts prompts back to what they were before a change, as a change of its own: see prompt_change_json. What the change created is deleted; its
-- versions stay, for the generations that name them. Undone once: a repeat answers that. An undo can't be undone.
-- Lock order: prompts, audit log.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403 · invalid_params 422 · prompt_not_found 404 · invalid_state 409
create or replace function private.act_undo_prompts(p_subject_id text, p_request jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_change private.prompt_changes;
  v_items jsonb;
  v_stale text[];
  c private.prompt_changes;
begin
  perform private.check_reason(p_request ->> 'reason');
  lock table private.system_prompts in share row exclusive mode; -- one writer at a time; generations go on reading
  select * into v_change from private.prompt_changes x where x.id = p_subject_id::uuid;
  if not found then
    raise exception using errcode = 'PT404', message = 'prompt_not_found',
      detail = jsonb_build_object('change_id', p_subject_id)::text, hint = 'There is no such change.';
  elsif v_change.source = 'undo' then
    raise exception using errcode = 'PT409', message = 'invalid_state', detail = jsonb_build_object('source', 'undo')::text,
      hint = 'This was an undo. Write the prompts again, or activate a version.';
  end if;
  select * into c from private.prompt_changes x where x.undoes = v_change.id;
  if found then
    return jsonb_build_object('answer', private.prompt_change_json(c), 'repeated', true);
  end if;
  select coalesce(jsonb_agg(i), '[]'), array_agg(i ->> 'key') filter (
      where private.prompt_state(i ->> 'key') is distinct from nullif(i -> 'after', 'null')) into v_items, v_stale
  from jsonb_array_elements(v_change.items) i where i ->> 'change' <> 'unchanged';
  if v_stale is not null then
    perform private.refuse_stale_prompts(v_stale);
  end if;
  insert into private.prompt_changes (source, reason, items, undoes, created_by, created_at)
  values ('undo', btrim(p_request ->> 'reason'), '[]', v_change.id, auth.uid(), private.clock())
  returning * into c;
  perform private.restore_prompts(c, v_items);
  return private.note_prompt_change(c, (
    select coalesce(jsonb_agg(jsonb_build_object('key', i -> 'key', 'before', i -> 'after')), '[]') from jsonb_array_elements(v_items) i));
end
$$;

create or replace function private.admin_undo_prompts(p_change_id uuid, p_reason text, p_dry_run boolean)
returns jsonb
language sql
security definer
set search_path = ''
as $$
  select private.run_act('admin', 'undo_prompts', 'prompt_change', p_change_id::text, jsonb_build_object('reason', p_reason), p_dry_run);
$$;

create or replace function public.admin_undo_prompts(p_change_id uuid, p_reason text, p_dry_run boolean default false)
returns jsonb
language sql
set search_path = ''
as $$
  select private.admin_undo_prompts(p_change_id, p_reason, p_dry_run);
$$;

revoke all on function private.act_undo_prompts(text, jsonb), private.admin_undo_prompts(uuid, text, boolean),
  public.admin_undo_prompts(uuid, text, boolean) from public, anon, authenticated, service_role;
grant execute on function private.admin_undo_prompts(uuid, text, boolean), public.admin_undo_prompts(uuid, text, boolean) to authenticated;
