-- load_prompts(p_prompts, p_update) -> jsonb      called by: SQL that prompt_documents.py wrote, in migrations and seeds
-- Creates or changes prompts as admin_write_prompts does, with access to the database instead of a role: {created, updated, unchanged, change_id}.
-- Where they are so already it leaves no trace. p_update false: those that are there stay as they are. admin_undo_prompts can take it back.
-- Lock order: prompts, audit log.
-- Refuses: invalid_params 422
create or replace function private.load_prompts(p_prompts jsonb, p_update boolean default true)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_reason constant text := 'loaded by SQL';
  v_prompts jsonb;
  v_before jsonb;
  v_done jsonb;
  c private.prompt_changes;
begin
  lock table private.system_prompts in share row exclusive mode; -- one writer at a time; generations go on reading
  v_prompts := private.complete_prompts(p_prompts);
  select jsonb_agg(jsonb_build_object('key', p -> 'key', 'before', private.prompt_state(p ->> 'key')) order by n), jsonb_agg(p order by n)
    into v_before, v_prompts
  from jsonb_array_elements(v_prompts) with ordinality x (p, n)
  where p_update or private.prompt_state(p ->> 'key') is null;
  if v_prompts is not null then
    insert into private.prompt_changes (source, reason, items, created_by, created_at)
    values ('import', v_reason, '[]', '00000000-0000-0000-0000-000000000000', private.clock())
    returning * into c;
    perform private.store_prompts(c, v_prompts);
    v_done := private.note_prompt_change(c, v_before);
  end if;
  if coalesce(v_done -> 'repeated', 'true') = 'true' then
    delete from private.prompt_changes x where x.id = c.id;
    return jsonb_build_object('created', 0, 'updated', 0, 'unchanged', jsonb_array_length(p_prompts), 'change_id', null);
  end if;
  perform private.audit('system:load_prompts', null, 'write_prompts', 'prompts', null,
    jsonb_build_object('prompts', p_prompts, 'source', 'import'), v_done -> 'before', v_done -> 'after', v_reason);
  return (v_done -> 'answer') - '{source,undoes,deleted,prompts}'::text[];
end
$$;

revoke all on function private.load_prompts(jsonb, boolean) from public, anon, authenticated, service_role;
