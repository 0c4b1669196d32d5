-- restore_prompts(c, p_items) -> void      called by: act_undo_prompts
-- Makes each prompt what the item of a change says it was before: [{key, before}]. There was none: it goes.
create or replace function private.restore_prompts(c private.prompt_changes, p_items jsonb)
returns void
language plpgsql
set search_path = ''
as $$
begin
  delete from private.system_prompts p using jsonb_array_elements(p_items) i where p.key = i ->> 'key' and i -> 'before' = 'null';
  update private.system_prompts p
  set category = b.category, title = b.title, description = b.description, kinds = b.kinds, always = b.always, position = b.position,
      active = b.active, active_version = b.active_version, updated_at = c.created_at
  from jsonb_array_elements(p_items) i, jsonb_populate_record(null::private.system_prompts, nullif(i -> 'before', 'null')) b
  where p.key = i ->> 'key' and i -> 'before' <> 'null';
end
$$;

revoke all on function private.restore_prompts(private.prompt_changes, jsonb) from public, anon, authenticated, service_role;
