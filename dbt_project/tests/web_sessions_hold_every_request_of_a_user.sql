-- Each request of a user is in one session, and a user's sessions are more than session_gap apart.
{{ sessions_at_fault(
    'web_logs',
    ref('fct_web_sessions'),
    'user_key',
    ref('fct_web_requests'),
    'user_key is not null and load_id <= ' ~ position_in(ref('int_web_sessions'), 'web_logs'),
) }}
