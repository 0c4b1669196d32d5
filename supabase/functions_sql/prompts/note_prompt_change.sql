-- note_prompt_change(c, p_before) -> jsonb      called by: what changes prompts, when it is done
-- Writes down what became of the prompts in p_before ([{key, before}], in order) and returns what act_ returns to run_act. c: source, reason,
-- undoes, idempotency_key and request_digest; its id was given to the versions it made, so its row is here already.
create or replace function private.note_prompt_change(c private.prompt_changes, p_before jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_before jsonb;
  v_after jsonb;
begin
  update private.prompt_changes x
  set items = (
    select coalesce(jsonb_agg(jsonb_build_object('key', s.key, 'before', s.before, 'after', s.after, 'change', case
      when s.before is not distinct from s.after then 'unchanged' when s.before is null then 'created' when s.after is null then 'deleted'
      else 'updated' end) order by s.n), '[]')
    from (
      select i.item ->> 'key' as key, nullif(i.item -> 'before', 'null') as before, private.prompt_state(i.item ->> 'key') as after, i.n
      from jsonb_array_elements(p_before) with ordinality i (item, n)) s)
  where x.id = c.id returning * into c;
  select jsonb_object_agg(i ->> 'key', i -> 'before'), jsonb_object_agg(i ->> 'key', i -> 'after') into v_before, v_after
  from jsonb_array_elements(c.items) i where i ->> 'change' <> 'unchanged';
  return jsonb_build_object('answer', private.prompt_change_json(c), 'before', v_before,
    'after', v_after || jsonb_build_object('change_id', c.id), 'repeated', v_after is null);
end
$$;

revoke all on function private.note_prompt_change(private.prompt_changes, jsonb) from public, anon, authenticated, service_role;
