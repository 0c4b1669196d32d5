-- run_act(p_role, p_act, p_subject_type, p_subject_id, p_request, p_dry_run) -> jsonb      called by: the vault of every act of an admin
-- Does private.act_<p_act>(p_subject_id, p_request) for whoever has this role, and writes it into the audit log in the same transaction.
-- act_ returns {answer, before, after}, with outcome 'pending' when somebody else must approve it, or with repeated: true when all of it
-- had been done before; that is not written again, and with made: true when `id` of the answer is of a row that it made: a dry run answers null
-- there, and leaves change_id out. A refusal undoes the act and is written too, and so is a fault of ours: see refuse_act.
-- A dry run really does it all and takes it back, so that it tells what would be; it leaves no row unless the role does not suffice.
-- Refuses: unauthenticated 401 · forbidden 403 · what act_ refuses
create or replace function private.run_act(
  p_role text, p_act text, p_subject_type text, p_subject_id text, p_request jsonb, p_dry_run boolean default false)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_actor uuid := private.require_user();
  v_role text := (select r.role from private.user_roles r where r.user_id = v_actor);
  v_done jsonb;
  v_answer jsonb;
  v_state text;
  v_code text;
  v_detail text;
  v_hint text;
begin
  begin
    perform private.require_role(p_role);
    execute format('select private.%I($1, $2)', 'act_' || p_act) into strict v_done using p_subject_id, p_request;
    v_answer := (v_done -> 'answer') || jsonb_build_object('dry_run', coalesce(p_dry_run, false));
    if p_dry_run then
      raise sqlstate 'DRY00';
    end if;
  exception
    when sqlstate 'DRY00' then
      return case when v_done -> 'made' = 'true' then jsonb_set(v_answer, '{id}', 'null') else v_answer - 'change_id' end;
    when sqlstate 'PT000' or sqlstate '22000' or sqlstate '23000' then -- whole classes: every refusal, bad data, broken constraints
      get stacked diagnostics v_state = returned_sqlstate, v_code = message_text, v_detail = pg_exception_detail,
        v_hint = pg_exception_hint;
      if p_dry_run and v_state <> 'PT403' then
        raise;
      elsif v_state not like 'PT4%' then
        v_detail := jsonb_build_object('sqlstate', v_state, 'message', v_code, 'detail', v_detail);
        v_state := 'PT500';
        v_code := 'internal';
      end if;
  end;
  if v_state is not null then
    return private.refuse_act(p_act, p_subject_type, p_subject_id, p_request, v_state, v_code, v_detail, v_hint);
  end if;
  if (v_done -> 'repeated') is distinct from 'true' then
    perform private.audit('user:' || v_actor, v_role, p_act, p_subject_type, p_subject_id, p_request - '{reason,idempotency_key}'::text[],
      v_done -> 'before', v_done -> 'after', p_request ->> 'reason', coalesce(v_done ->> 'outcome', 'done'));
  end if;
  return v_answer;
end
$$;

revoke all on function private.run_act(text, text, text, text, jsonb, boolean) from public, anon, authenticated, service_role;
