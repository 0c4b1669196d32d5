-- check_gift(p_email, p_message) -> void      called by: gift_credits
-- Refuses: invalid_params 422
create or replace function private.check_gift(p_email text, p_message text)
returns void
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_field text := case
    when p_email is null or p_email collate "C" !~ '^[!-?A-~]+@[!-?A-~]+$' or char_length(p_email) > 254 then 'email'
    when char_length(p_message) > 500 then 'message'
  end;
begin
  if v_field is not null then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = jsonb_build_object('field', v_field)::text,
      hint = 'Send an e-mail address, and a message of at most 500 characters or none.';
  end if;
end
$$;

revoke all on function private.check_gift(text, text) from public, anon, authenticated, service_role;
